"""Reports: one value from a journal's replay, one module a format.

Each format's module has ``document(report, *, only_failed=False)``, which yields text in pieces;
``bulkops.cli.commands.report`` names them. ``only_failed`` leaves what failed, is in conflict or in
doubt.
"""
