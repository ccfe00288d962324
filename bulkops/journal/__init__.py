"""The append-only record of a job: one line, all lines, one file, one lock."""
