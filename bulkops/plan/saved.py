"""A plan in a file: ``plan --out`` writes it, and ``apply PLAN`` does exactly what it contains.

JSON Lines, one object per line: ``plan`` (which job, where, by whom), ``operation`` with the
observed and the desired state, ``skip``, and at the end ``digest``, the SHA-256 of all bytes before
it. The digest connects the plan with the journals that apply it. It detects accidental changes; it
is not a signature, and anyone who can write to the file can replace the plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from bulkops.errors import BulkopsError, JobError, PlanStale, unreadable, unwritable
from bulkops.files import A_PLAN, SOME_JSON, followed, is_special, what_is_at
from bulkops.job.job import ORGANIZATIONS, job_from_builtins, same_organization
from bulkops.journal.formats import FORMATS
from bulkops.journal.lines import lines_of
from bulkops.journal.local.disk import SystemFiles
from bulkops.journal.local.file import log_unsynced, write_whole
from bulkops.journal.local.ownership import OwnFiles
from bulkops.journal.records import Header, Holder, Planned, Record, Skipped, encode
from bulkops.journal.replay import Replay, replay
from bulkops.journal.writer import CREATE_CHUNK
from bulkops.plan.model import Plan
from bulkops.plan.recorded import first_records
from bulkops.plan.trusted import disagreement

if TYPE_CHECKING:
    from bulkops.client.api import Client

PLAN_FORMAT = 2
"""The format of new plans; those in ``FORMATS`` can be read."""


class _Head(msgspec.Struct, frozen=True, tag_field="type", tag="plan"):
    """The first line; ``header`` is that of a journal started at the moment of saving."""

    format: int
    default_organization: str
    header: Header
    notes: tuple[str, ...]


class _Format(msgspec.Struct, frozen=True):
    format: int


class SavedPlan(msgspec.Struct, frozen=True):
    """A plan as it was saved.

    Attributes:
        default_organization: that of the environment at that time, empty if there was none.
        made_at: date of saving, RFC 3339.
    """

    plan: Plan
    default_organization: str
    made_by: Holder
    made_at: str

    def check_meant(self, path: Path, organization: str) -> None:
        """Refuse to apply the plan to another organization than the one it was made for.

        Args:
            path: the plan's file, for the message.
            organization: that of the environment, empty if it names none. It may differ from the
                plan's organization if it did when the plan was made: the job file named another.

        Raises:
            PlanStale: the organization is another one.
        """
        planned = self.plan.job.organization
        meant = (planned, self.default_organization)
        if organization and not any(same_organization(organization, one) for one in meant):
            raise PlanStale(
                f"{path}: is a plan for organization {planned}, not for {organization}, "
                f"which {' or '.join(ORGANIZATIONS)} names. {_AGAIN}"
            )


def is_saved_plan(path: Path) -> bool:
    """Return whether a file is a saved plan, or was one before it was changed.

    A job file is never taken for a plan.
    """
    return what_is_at(path, jobs=False) in (A_PLAN, SOME_JSON)


def check_plan_output(path: Path) -> None:
    """Refuse to overwrite anything but an older plan or an empty file.

    Raises:
        JobError: the file is something else, or there is no such folder.
    """
    if not path.parent.is_dir():
        raise JobError(
            f"{path.parent}: there is no such folder. Create it, or choose another --out"
        )
    if not path.exists():
        return
    what = what_is_at(path)
    if is_special(path) or (what != A_PLAN and path.stat().st_size):
        what = what or "not a saved plan"
        raise JobError(f"{path}: is {what}, and was not changed. Choose another --out")


def save_plan(
    path: Path, plan: Plan, client: Client, by: Holder, default_organization: str = ""
) -> str:
    """Write a plan atomically, replacing an older one, and return its SHA-256 in hex.

    Raises:
        JobError: see ``check_plan_output``.
        BulkopsError: it can't be written.
    """
    check_plan_output(path)
    path = followed(path)
    digest = sha256()
    records = first_records(plan, client, by)
    first = next(records)
    assert isinstance(first, Header)  # noqa: S101 - the promise of first_records
    head = _Head(PLAN_FORMAT, default_organization, first, tuple(plan.notes))

    def parts() -> Iterator[bytes]:
        lines = (encode(record) + b"\n" for record in chain((head,), records))
        while part := b"".join(islice(lines, CREATE_CHUNK)):
            digest.update(part)
            yield part
        yield _seal(digest.hexdigest())

    try:
        unsynced = write_whole(path, parts(), SystemFiles(), replacing=True)
    except OSError as error:
        raise BulkopsError(unwritable(path, error)) from error
    if unsynced:
        log_unsynced(path.parent, unsynced)
    return digest.hexdigest()


def read_plan(path: Path, digest: str = "", *, trust_files: bool = False) -> SavedPlan:
    """Return the plan in a file.

    Args:
        digest: the ``Plan.digest`` that it must have, empty on the first reading.
        trust_files: accept it even if other users own it or may write it.

    Raises:
        PlanStale: it was changed, does not agree with itself, or has another format.
        JobError: other users may have written it, or this version doesn't know its job.
        BulkopsError: it can't be read.
    """
    try:
        with OwnFiles(trusted=trust_files).read(path) as stream:
            lines = _Lines(stream)
            head, state = _read(iter(lines), path)
    except OSError as error:
        raise BulkopsError(unreadable(path, error)) from error
    except (ValueError, msgspec.DecodeError) as error:
        raise _changed(path) from error
    if not lines.sealed:
        raise _changed(path)
    header = state.header
    job = job_from_builtins(header.job, str(path), folder=header.folder)
    if not digest and (problem := disagreement(state)):
        raise PlanStale(f"{path}: contradicts itself: {problem}; nothing was sent. {_AGAIN}")
    plan = Plan(
        job,
        header.resolved,
        operations=[progress.operation for progress in state.operations.values()],
        skips=state.skips,
        notes=head.notes,
        undo_of=header.undo_of,
        saved=lines.sha256,
        address=header.address,
    )
    if digest not in ("", plan.digest):
        raise _changed(path)
    return SavedPlan(plan, head.default_organization, header.started_by, header.created_at)


class _Lines:
    """The lines of a plan up to its last one, the seal.

    Attributes:
        sha256: their digest in hex, set once they were all read.
        sealed: whether the last line has this digest.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.sha256 = ""
        self.sealed = False
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        digest, previous = sha256(), b""
        for line in lines_of(self._stream):
            if previous:
                digest.update(previous)
                yield previous
            previous = line
        self.sha256 = digest.hexdigest()
        self.sealed = previous == _seal(self.sha256)


_decode_head = msgspec.json.Decoder(_Head).decode
_decode_format = msgspec.json.Decoder(_Format).decode


def _read(lines: Iterator[bytes], path: Path) -> tuple[_Head, Replay]:
    first = next(lines, b"")
    number = _decode_format(first).format
    if number not in FORMATS:
        known = " and ".join(map(str, FORMATS))
        raise PlanStale(f"{path}: has plan format {number}, this version reads {known}. {_AGAIN}")
    head = _decode_head(first)
    records = map(FORMATS[number].decode, lines)
    return head, replay(chain((head.header,), map(_of_plan, records)))


def _of_plan(record: Record) -> Record:
    if not isinstance(record, Planned | Skipped):
        raise ValueError(f"a plan has no record of type {type(record).__name__}")  # noqa: TRY004 - of the file
    return record


def _seal(digest: str) -> bytes:
    return b'{"type":"digest","sha256":"%b"}\n' % digest.encode()


def _changed(path: Path) -> PlanStale:
    return PlanStale(
        f"{path}: is not a complete, unchanged plan from `plan --out`; nothing was sent. {_AGAIN}"
    )


_AGAIN = "Make it again with `bulkops plan JOB --out PLAN`"
