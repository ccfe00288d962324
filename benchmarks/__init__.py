"""Measurements of bulkops beside what else there is: ``python -m benchmarks.NAME``."""
