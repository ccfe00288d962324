"""Fleets: one job for many organizations, a shard each, carried out side by side."""
