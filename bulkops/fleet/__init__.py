"""Fleet files: one job for many organizations, a shard each. Pure except ``file``."""
