"""Reads what a job is about: which workspaces, and what the server shows of them."""
