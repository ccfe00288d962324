"""Carries a journal out: ``execution`` → ``waves`` → ``runner`` → ``worker``."""
