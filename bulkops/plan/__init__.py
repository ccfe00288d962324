"""Decides by what the server shows: what to do, what is left, what to take back, what holds."""
