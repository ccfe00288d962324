"""Reads the HMAC key that a job names when it is needed; never writes it anywhere."""

from __future__ import annotations

import os
from pathlib import Path

from bulkops.errors import JobError
from bulkops.files import read_key
from bulkops.job.job import Job
from bulkops.journal.replay import Replay
from bulkops.journal.states import RETRIED
from bulkops.operations.secret import HmacKey
from bulkops.operations.steps import secret_of


def key_of(job: Job) -> HmacKey | None:
    """Return the key that a job's spec names, ``None`` for a kind without one.

    Raises:
        JobError: the variable or file has no key.
    """
    secret = secret_of(job.steps)
    if secret is None:
        return None
    place = f"operation.{secret.field} = {secret.env or secret.file}"
    text = os.environ.get(secret.env, "") if secret.env else read_key(Path(secret.file), place)
    if not text:
        raise JobError(f"{job.name}: {place}: contains no key")
    return HmacKey(text)


def key_to_resume(job: Job, replay: Replay, *, retry_failed: bool = False) -> HmacKey | None:
    """Return the key that a journal's job needs to resume, ``None`` if it needs none.

    Raises:
        JobError: the variable or file has no key, or another one than when the job was planned.
    """
    if not replay.unfinished and not (retry_failed and replay.count(*RETRIED)):
        return None
    key, secret = key_of(job), secret_of(job.steps)
    if key is None or secret is None:
        return None
    for progress in replay.operations.values():
        planned = (progress.operation.desired or {}).get(secret.shown_as)
        if planned != key.digest:
            raise JobError(
                f"{job.name}: the key is not the one used for the plan (SHA-256 {planned}). "
                "Provide that one, or move the journal away to begin a new one"
            )
    return key
