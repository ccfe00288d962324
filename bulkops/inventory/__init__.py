"""Reads which workspaces a job selects, and what the server shows of them."""
