"""The command ``bulkops demo``."""
