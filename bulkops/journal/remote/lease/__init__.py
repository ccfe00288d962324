"""The lease of a journal in object storage: which process may write it."""
