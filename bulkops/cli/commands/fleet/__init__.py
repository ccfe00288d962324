"""The commands ``bulkops fleet …``."""
