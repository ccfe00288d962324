"""Journals in object storage, as a user meets them: processes, real servers, real time."""
