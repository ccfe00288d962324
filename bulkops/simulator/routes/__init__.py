"""The handlers of the API's routes, a module for each kind of record, and their table. Pure."""
