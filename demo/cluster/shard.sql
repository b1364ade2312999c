-- On each shard: an ordinary table. What is in it depends on the parent's partitions alone.
CREATE EXTENSION hnswc;
CREATE TABLE items (id bigint PRIMARY KEY, title text, v vector(128));
