"""Finds the journal that ``apply`` resumes if the user names none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from bulkops.cli.options import RunOptions
from bulkops.cli.run.hold import taken
from bulkops.cli.run.start import Undertaking
from bulkops.clock import Clock
from bulkops.journal.place import JobJournals, Place, Started, default_journals
from bulkops.journal.process import holder
from bulkops.plan.trusted import sound_journal
from bulkops.plan.unfinished_jobs import is_resumable, is_undone


def journals_of(
    stack: ExitStack, undertaking: Undertaking, options: RunOptions
) -> tuple[JobJournals, Started]:
    """Return the job's journals in the default place, and what to call once one is started.

    Until then, or until the stack ends, only this process starts one.

    Raises:
        JobError: other users may write there.
        JournalLocked, JournalWriteFailed: see ``JobJournals.locked``.
    """
    address, identity = undertaking.client().address, undertaking.identity
    journals = default_journals().of_job(
        undertaking.job.name, f"{identity.digest} {identity.organization} {address}"
    )
    started = taken(
        lambda: stack.enter_context(journals.locked(holder(Clock()))), wait=options.wait
    )
    journals.check_folder(trusted=options.trust_files)
    return journals, started


def resumable_by(
    undertaking: Undertaking, options: RunOptions, *, finished: bool
) -> Callable[[Place], bool]:
    """Return a function that returns whether a journal can be resumed.

    One that was undone is not resumed: the rest of its job alone would be done. It raises
    ``JournalDamaged`` if the journal's content is unknown, and ``JobError`` if other users may have
    written it.

    Args:
        finished: a finished journal counts as one to resume.
    """
    address = undertaking.client().address

    def fits(place: Place) -> bool:
        # A journal of a kind that is not installed is another job's; it is not resumed.
        replay = sound_journal(place.reader(trusted=options.trust_files)).replay
        resumable = is_resumable(
            replay,
            undertaking.identity,
            address,
            undertaking.job.rollout,
            retry_failed=options.retry_failed,
            finished=finished,
        )
        return resumable and (finished or not is_undone(place, replay.header.run_id))

    return fits
