-- On the new shard, which has the empty table of shard.sql: logical replication copies what is there, then follows.
SELECT format('CREATE SUBSCRIPTION taken CONNECTION %L PUBLICATION given',
	'host=' || :'base' || '/shard1 dbname=postgres user=' || current_user) \gexec
