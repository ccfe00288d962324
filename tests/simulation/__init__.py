"""Whole runs in virtual time, everything random drawn from one seed.

``scenario`` draws what a run is about, ``weather`` what happens to each execution, ``server`` a
server whose reads lag, ``machine`` runs executions on a machine that may stop, ``phase`` goes on
with one journal until it is done, ``run`` puts a whole run together and ``invariants`` says what
must hold. ``python -m tests.simulation`` runs many seeds, or replays one.
"""
