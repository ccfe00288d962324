"""The door to a journal: what is sent because of one, or told of one, has come through here."""

from __future__ import annotations

from pathlib import Path

from bulkops.errors import JobError
from bulkops.journal.disk import FileCalls, Reads
from bulkops.journal.ownership import OwnFiles
from bulkops.journal.reader import Contents, Take, disagreeing, read
from bulkops.journal.replay import Replay
from bulkops.plan.consistent import disagreement_of_header, disagreement_of_job
from bulkops.plan.decidable import disagreement_of_operations
from bulkops.plan.recorded import job_of, kind_of


def open_journal(
    path: Path, files: FileCalls | None = None, *, trust_files: bool = False
) -> Contents:
    """Read a journal because of which something is to be sent.

    Args:
        files: of whoever holds its lock.
        trust_files: whoever owns it, or may write it.

    Raises:
        JobError: others may have written it, or its kind of operation is not installed.
        JournalDamaged: it is damaged, or does not agree with itself.
        JournalError: there is no such file, or it is no journal of this version.
    """
    contents = read(path, OwnFiles(trusted=trust_files, calls=files))
    if problem := disagreement(contents.replay):
        raise disagreeing(path, problem)
    return contents


def sound_journal(path: Path, take: Take | None = None, files: Reads | None = None) -> Contents:
    """Read a journal of which something is told; its kind of operation may not be installed.

    Raises:
        JournalDamaged, JournalError: as of ``open_journal``.
    """
    contents = read(path, files, take)
    if problem := disagreement_as_known(contents.replay):
        raise disagreeing(path, problem)
    return contents


def disagreement(replay: Replay) -> str:
    """Return, in words, how a journal or a saved plan does not agree with itself; empty if it does.

    Raises:
        JobError: its kind of operation is not installed.
    """
    if problem := disagreement_of_header(replay):
        return problem
    header = replay.header
    job = job_of(header)
    problem = disagreement_of_job(header, job)
    return problem or disagreement_of_operations(replay, job, kind_of(header))


def disagreement_as_known(replay: Replay) -> str:
    """Return what ``disagreement`` does; of a kind that is not installed, as far as is known."""
    try:
        return disagreement(replay)
    except JobError:
        return ""
