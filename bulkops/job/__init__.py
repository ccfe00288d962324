"""A job file: TOML to a ``Job``; errors name file, key, value, choice. Pure but for ``file``."""
