"""The journal: JSON Lines, append-only, readable with ``jq``, safe to cut the power on.

``lines``: how one line is framed and checked. ``records``: what a line says. ``replay``: all
records → where the job stands. ``file``: append, sync, create, cut. ``lock``: one runner.
"""
