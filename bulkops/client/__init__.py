"""Sends requests: paced, retried where that is safe; reads lists whole or not at all."""
