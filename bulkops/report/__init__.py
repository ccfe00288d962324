"""Reports: one value built from a journal's replay, and one module per format.

Each format's module has ``document(report, *, only_failed=False)``, which yields text in pieces;
``bulkops.cli.commands.report`` lists the formats. With ``only_failed`` only problems are listed:
operations that failed, drifted, are in conflict or in doubt.
"""
