"""A job file: TOML to a ``Job``; every error names file, key, value and choice. Pure."""
