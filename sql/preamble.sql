\echo Use "CREATE EXTENSION hnswc" to load this file. \quit

