"""Reports: one value from a journal's replay, one module a format."""
