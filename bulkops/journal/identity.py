"""Whose journal it is. Pure."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bulkops.errors import JobError
from bulkops.journal.records import Header


class Identity(msgspec.Struct, frozen=True):
    """What a job and its journal must have in common."""

    digest: str
    address: str
    organization: str


def identity_of(header: Header) -> Identity:
    """Return what a job must have in common with a journal's header to go on with it."""
    return Identity(header.digest, header.address, header.organization)


def check_same(header: Header, asked: Identity, path: Path) -> None:
    """Refuse to go on with another job's journal.

    Raises:
        JobError: job, address or organization differ; the message says which.
    """
    found = identity_of(header)
    if found == asked:
        return
    if found.digest != asked.digest:
        what = "job or plan" if asked.digest.startswith("plan ") else "job"
    elif found.address != asked.address:
        what = f"address ({found.address}, not {asked.address})"
    else:
        what = f"organization ({found.organization}, not {asked.organization})"
    raise JobError(
        f"{path}: is the journal of another {what}: finish it with `bulkops resume {path}`, "
        "or choose another --journal"
    )
