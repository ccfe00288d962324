"""Upkeep of journals that no job runs with: a damaged one is cut, any is copied or listed."""
