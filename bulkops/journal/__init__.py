"""The append-only record of a job: JSON Lines, readable with ``jq``, safe to cut the power on.

``lines``: how one line is framed and checked. ``records``: what a line says. ``states``: its words.
``replay``: all records → where the job stands. ``writer``: append, sync, create, cut. ``lock``: one
runner.
"""
