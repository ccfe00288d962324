"""A job file on disk: read together with the manifest that it names. Sends no request."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec.structs import replace

from bulkops.errors import JobError, unreadable
from bulkops.files import read_text
from bulkops.job.job import Job, parse_job
from bulkops.job.manifest import parse_manifest

MOST = 64 << 20
"""Bytes of a job file, or of a manifest: a million workspaces."""


def load_job(path: str | Path) -> Job:
    """Return the job in a TOML file; ``TFE_ORGANIZATION`` stands in where it names none.

    The manifest that ``select.file`` names is read, too: what it lists is part of the job.

    Raises:
        JobError: a file can't be read, or is no job or manifest; the message says what is allowed.
    """
    text = _text_of(Path(path), str(path))
    job = parse_job(text, str(path), default_organization=os.environ.get("TFE_ORGANIZATION"))
    if job.select.file is None:
        return job
    manifest = Path(path).parent / job.select.file
    listed = parse_manifest(_text_of(manifest, f"{path}: select.file: {manifest}"), str(manifest))
    return replace(job, select=replace(job.select, file=None, listed=listed))


def _text_of(path: Path, named: str) -> str:
    try:
        # Spreadsheets begin a CSV file with a byte order mark.
        return read_text(path, MOST, piped=True, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(unreadable(named, error)) from error
