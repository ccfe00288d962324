"""Whole runs whose journal is in a store: several processes in one loop, each can be frozen.

``freezing`` is a loop in which a process stands still while all else continues; ``process`` is such
a process, ``points`` where it may be frozen, ``wire`` its connection to the server, ``checked`` the
store's content with its invariants, ``troubles`` what goes wrong, ``machine`` combines them.
"""
