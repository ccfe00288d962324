"""The append-only record of a job: JSON Lines, readable with ``jq``, safe across power cuts.

``lines``: the framing and checking of a line. ``records``: the content of a line. ``states``: the
values of its fields. ``replay``: all records → the job's state. ``writer``: create, append, sync,
cut. ``lock``: one runner at a time.
"""
