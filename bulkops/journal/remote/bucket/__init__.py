"""The object store of a journal: its address, its environment, its calls."""
