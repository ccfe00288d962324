"""Whole runs in virtual time; everything random is drawn from one seed.

``scenario`` draws the subject of a run, ``weather`` the troubles of each execution, ``denials`` the
reads that are briefly denied. ``server`` is a server whose reads lag, ``machine`` runs executions
and may stop, ``phase`` resumes one journal until it is done, ``run`` combines them to a whole run.
``invariants`` checks each run, ``met`` what many runs must have met. ``python -m tests.simulation``
runs many seeds or replays one. ``mutations`` removes safeguards and ``found`` restores bugs, to
check that the simulation notices.
"""
