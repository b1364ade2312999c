# Frameworks of Node that create the extension "vector" themselves and look for it by that name.
query "DROP EXTENSION $extension CASCADE"
node_directory frameworks
for script in mastra langchain llamaindex; do
	node_script frameworks "$script"
done
