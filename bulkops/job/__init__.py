"""Job files: TOML → ``Job``; errors name file, key, value and choices. Pure except ``file``."""
