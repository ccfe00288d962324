"""Which workspaces have which run tasks."""
