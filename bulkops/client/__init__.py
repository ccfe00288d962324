"""Sends requests: paced, and retried if that is safe. Reads lists completely or not at all."""
