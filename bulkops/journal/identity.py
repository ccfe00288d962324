"""Whose journal it is. Pure."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bulkops.errors import JobError
from bulkops.journal.records import Header


class Identity(msgspec.Struct, frozen=True):
    """What a job and its journal must have in common, beside the server's address.

    Attributes:
        digest: ``Job.digest``, or what the two functions below return.
    """

    digest: str
    organization: str


_PLAN = "plan "


def digest_of_plan(sha256: str) -> str:
    """Return the digest of a saved plan, which is carried out as it is, whatever its job says."""
    return f"{_PLAN}{sha256}"


def digest_of_undo(run_id: str) -> str:
    """Return the digest of what takes back the job of a journal, told by its run id."""
    return f"undo of {run_id}"


def identity_of(header: Header) -> Identity:
    """Return what a job must have in common with a journal's header to go on with it."""
    return Identity(header.digest, header.organization)


def check_same(header: Header, asked: Identity, path: Path) -> None:
    """Refuse to go on with another job's journal.

    Raises:
        JobError: job or organization differ; the message says which.
    """
    found = identity_of(header)
    if found == asked:
        return
    if found.digest != asked.digest:
        what = "job or plan" if asked.digest.startswith(_PLAN) else "job"
    else:
        what = f"organization ({found.organization}, not {asked.organization})"
    raise JobError(
        f"{path}: is the journal of another {what}: finish it with `bulkops resume {path}`, "
        "or choose another --journal"
    )
