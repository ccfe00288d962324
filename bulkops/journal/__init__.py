"""The append-only record of a job: JSON Lines, readable with ``jq``, safe across power cuts.

``lines``: the framing and checking of a line. ``records``: the content of a line. ``states``: the
values of its fields. ``replay``: all records → the job's state. ``reader`` and ``writer``: a whole
journal, and its growth in synced groups. ``place``: where it is, and one runner at a time:
``local`` in a file, ``remote`` in object storage. ``upkeep``: what is done to a whole journal.
"""
