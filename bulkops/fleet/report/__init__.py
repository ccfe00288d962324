"""What became of a fleet: its shards, from their journals, in each format."""
