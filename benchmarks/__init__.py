"""Benchmarks of bulkops and its alternatives: ``python -m benchmarks.NAME``."""
