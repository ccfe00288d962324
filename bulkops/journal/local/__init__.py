"""A journal in a file: its file calls, its lock, who owns it, its default folder."""
