\echo Use "CREATE EXTENSION vector CASCADE" to load this file. \quit
-- Everything is in the extension hnswc, which this one requires.
