"""The HMAC key a job names: read where it is needed, and never written anywhere."""

from __future__ import annotations

import os
from pathlib import Path

from bulkops.errors import JobError, unreadable
from bulkops.job.job import Job
from bulkops.journal.replay import Replay
from bulkops.journal.states import RETRIED
from bulkops.operations.kinds.task_rotate_hmac import TaskRotateHmacWish
from bulkops.operations.model import HmacKey
from bulkops.operations.wording import DIGEST


def key_of(job: Job) -> HmacKey | None:
    """Return the key that a job's wish names, ``None`` for a kind without one.

    Raises:
        JobError: there is no key there.
    """
    wish = job.wish
    if not isinstance(wish, TaskRotateHmacWish):
        return None
    if wish.key_env is not None:
        text, place = os.environ.get(wish.key_env, ""), f"operation.key_env = {wish.key_env}"
    else:
        text, place = _text(Path(wish.key_file or "")), f"operation.key_file = {wish.key_file}"
    if not text:
        raise JobError(f"{job.name}: {place}: holds no key")
    return HmacKey(text)


def key_to_go_on(job: Job, replay: Replay, *, retry_failed: bool = False) -> HmacKey | None:
    """Return the key that a journal's job needs to go on, ``None`` where it needs none.

    Raises:
        JobError: there is no key there, or another one than when the job was planned.
    """
    if not replay.unfinished and not (retry_failed and replay.count(*RETRIED)):
        return None
    key = key_of(job)
    if key is None:
        return None
    for progress in replay.operations.values():
        planned = (progress.operation.wanted or {}).get(DIGEST)
        if planned != key.digest:
            raise JobError(
                f"{job.name}: the key is not the one that was planned with (SHA-256 {planned}): "
                "give that one, or start a new journal"
            )
    return key


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(unreadable(f"operation.key_file = {file}", error)) from None
