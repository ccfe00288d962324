"""Which job a journal belongs to. Pure."""

from __future__ import annotations

import msgspec

from bulkops.errors import JobError
from bulkops.job.job import digest_of
from bulkops.journal.records import Header
from bulkops.text import as_argument


class Identity(msgspec.Struct, frozen=True):
    """What a job and its journal must have in common, apart from the server's address.

    Attributes:
        digest: ``Job.digest``, or the result of one of the two functions below.
        organization: its name in lower case.
    """

    digest: str
    organization: str

    def __post_init__(self) -> None:
        """Ignore the case of the organization's name, as the server does."""
        msgspec.structs.force_setattr(self, "organization", self.organization.lower())


_PLAN = "plan "


def digest_of_plan(sha256: str) -> str:
    """Return the digest of a saved plan, which is applied exactly as it was saved."""
    return f"{_PLAN}{sha256}"


def digest_of_undo(run_id: str) -> str:
    """Return the digest of the undo of a journal with this run id."""
    return f"undo of {run_id}"


def identity_of(header: Header) -> Identity:
    """Return what a job must have in common with a journal's header to resume it."""
    stated = header.plan or header.undo_of
    return Identity(header.digest if stated else meaning_of(header), header.organization)


def meaning_of(header: Header, *, any_case: bool = True) -> str:
    """Return ``digest_of`` the job in a header; a text that is no digest if it isn't a job."""
    try:
        return digest_of(header.job, any_case=any_case)
    except (KeyError, TypeError, ValueError, AttributeError):
        return "none"


def check_same(header: Header, expected: Identity, journal: object) -> None:
    """Refuse to resume another job's journal.

    Raises:
        JobError: job or organization differ; the message says which.
    """
    actual = identity_of(header)
    if actual == expected:
        return
    if actual.digest != expected.digest:
        what = "job or plan" if expected.digest.startswith(_PLAN) else "job"
    else:
        what = f"organization ({actual.organization}, not {expected.organization})"
    raise JobError(
        f"{journal}: is the journal of another {what}. Finish it with `bulkops resume "
        f"{as_argument(journal)}`, or choose another place for the journal"
    )
