"""Journals in object storage: numbered segments, a lease, and the store that keeps them."""
