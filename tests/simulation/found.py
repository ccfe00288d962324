"""The bugs that the simulation found: a mutation restores each, and a seed notices it.

The seeds are in ``test_pinned.py``; a change to what is drawn or sent moves them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest import mock

from bulkops.api.messages import Response
from bulkops.inventory import attachments
from bulkops.journal.lines import Scanner
from bulkops.journal.local.file import JournalFile, take
from bulkops.journal.progress import Progress
from bulkops.journal.replay import Replay
from bulkops.journal.states import DONE, Outcome
from bulkops.operations.model import Skip
from bulkops.plan import current_state, reconcile, undo
from bulkops.runner import execution, readback
from bulkops.runner.readback import Cause, Row, Step, Unobserved, resolve
from bulkops.runner.worker import Worker

Mutation = Callable[[], AbstractContextManager[Any]]


def not_synced_at_open() -> AbstractContextManager[Any]:
    """Trust the page cache of a killed process."""

    def prepare(self: JournalFile, scanner: Scanner) -> None:
        self._descriptor = self._files.append(self.path)
        take(self._files, self._descriptor, self.path, scanner.offset + scanner.rest)
        if scanner.rest:
            self._cut_tail(scanner, "torn")
        self._rewrite(scanner.offset, bytes(scanner.last_group))

    return mock.patch.object(JournalFile, "prepare", prepare)


def page_cache_trusted() -> AbstractContextManager[Any]:
    """Assume that what is read is on the disk, even after a failed sync."""

    def only_synced(_self: JournalFile, _end: int, _group: bytes) -> None:
        """Leave it to the sync that follows."""

    return mock.patch.object(JournalFile, "_rewrite", only_synced)


def denied_list_is_empty() -> AbstractContextManager[Any]:
    """Take a denied list of a workspace for an empty one."""
    read = attachments._each_workspace

    async def believed(*arguments: Any) -> list[str]:
        await read(*arguments)
        return []

    return mock.patch.object(attachments, "_each_workspace", believed)


def denied_reading_back_is_final() -> AbstractContextManager[Any]:
    """Take a denied reading for final."""

    def at_once(row: Row, cause: Cause, *, settled: bool, old: bool) -> Step:
        return resolve(row, cause, settled=settled or row is Unobserved.DENIED, old=old)

    return mock.patch.object(readback, "resolve", at_once)


def any_yes_to_a_delete() -> AbstractContextManager[Any]:
    """Take a proxy's page for this API's 204."""
    check = Worker._check_echo

    async def believe(self: Worker, answer: Response) -> Any:
        if self._operation.desired is None:
            return self._result(Outcome.SUCCEEDED, "", answer, ours=True)
        return await check(self, answer)

    return mock.patch.object(Worker, "_check_echo", believe)


def undo_believes_at_once() -> AbstractContextManager[Any]:
    """Plan an undo from a reading that may lag behind the job."""
    return mock.patch.object(
        current_state, "is_not_ours", lambda decided: isinstance(decided, Skip)
    )


def resume_blames_at_once() -> AbstractContextManager[Any]:
    """Report a change outside the job by a reading that may lag behind an earlier job."""
    return mock.patch.object(execution, "Result", type("Nothing", (), {"outcome": None}))


@contextmanager
def last_one_taken_away() -> Iterator[None]:
    """Detach a run task though the other one of a replace is gone."""
    with (
        mock.patch.object(undo, "bare", return_value=""),
        mock.patch.object(reconcile, "bare", return_value=""),
    ):
        yield


def last_one_taken_again() -> AbstractContextManager[Any]:
    """Send a lost detach again without reading the other run task."""
    return mock.patch.object(reconcile, "_in_doubt", return_value=())


def numbers_of_now_must_come_first() -> AbstractContextManager[Any]:
    """Look for what comes first by its key of now, though some of several attachments are gone."""

    def only(key: str, replay: Replay) -> list[str]:
        known = key in replay.operations and replay.operations[key].outcome not in DONE
        return [key] if known else []

    return mock.patch.object(reconcile, "_still_to_come", only)


def left_of_several_blocks() -> AbstractContextManager[Any]:
    """Compare one of several attachments with all of them when it is undone."""

    def not_the_first(progress: Progress, *_state: object) -> str:
        return undo.SURPLUS if progress.operation.number > 1 else ""

    return mock.patch.object(undo, "_needless", not_the_first)


FOUND: tuple[Mutation, ...] = (
    not_synced_at_open,
    page_cache_trusted,
    undo_believes_at_once,
    resume_blames_at_once,
    denied_list_is_empty,
    denied_reading_back_is_final,
    any_yes_to_a_delete,
    last_one_taken_away,
    last_one_taken_again,
    numbers_of_now_must_come_first,
    left_of_several_blocks,
)
"""All of them, in the order found."""

RARE: dict[Mutation, tuple[int, ...]] = {left_of_several_blocks: (7_010_725,)}
"""Seeds to try first for what hardly any other one notices."""
