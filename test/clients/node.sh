# Drivers and ORMs of Node.
node_directory js
for script in pg knex drizzle sequelize typeorm; do
	node_script js "$script"
done
