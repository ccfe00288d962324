"""The typed asynchronous client of the API; ``bulkops.Client`` is its door."""
