"""Whole runs in virtual time, everything random drawn from one seed.

``scenario`` draws what a run is about, ``weather`` what happens to each execution, ``denials``
which reads are denied for a moment, ``server`` a server whose reads lag, ``machine`` runs
executions on a machine that may stop, ``phase`` goes on with one journal until it is done, ``run``
puts a whole run together, ``invariants`` says what must hold of it and ``met`` what many of them
must have met. ``python -m tests.simulation`` runs many seeds, or replays one; ``mutations`` takes
out safeguards, and ``found`` puts back bugs, to see that it notices.
"""
