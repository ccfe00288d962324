"""Tests of ``bulkops.notify``."""
