"""Opens journals: each command that sends or reports anything checks its journal here first."""

from __future__ import annotations

from bulkops.errors import JobError
from bulkops.journal.reader import Contents, Take, disagreeing, read
from bulkops.journal.replay import Replay
from bulkops.journal.storage import Readable
from bulkops.plan.consistent import disagreement_of_header, disagreement_of_job
from bulkops.plan.decidable import disagreement_of_operations
from bulkops.plan.recorded import job_of, kind_of


def open_journal(journal: Readable) -> Contents:
    """Read and check a journal for a command that sends requests.

    Args:
        journal: as ``Place.reader`` or ``Storage.owned`` returns it, by the user's own decision
            whether it is read if others may have written it.

    Raises:
        JobError: other users may have written it, or its kind of operation is not installed.
        JournalDamaged: it is damaged, or does not agree with itself.
        JournalError: there is no such file, or it is not a journal of this version.
    """
    contents = read(journal)
    if problem := disagreement(contents.replay):
        raise disagreeing(journal, problem)
    return contents


def sound_journal(journal: Readable, take: Take | None = None) -> Contents:
    """Read and check a journal for a report; its kind of operation need not be installed.

    Raises:
        JournalDamaged, JournalError: see ``open_journal``.
    """
    contents = read(journal, take)
    if problem := disagreement_as_known(contents.replay):
        raise disagreeing(journal, problem)
    return contents


def disagreement(replay: Replay) -> str:
    """Return how a journal or saved plan does not agree with itself; empty if it does.

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
    """Return the same as ``disagreement``, or empty if the job's kind is not installed."""
    try:
        return disagreement(replay)
    except JobError:
        return ""
