"""One shard's newest journal against its server; the same as ``verify`` of that journal."""

from __future__ import annotations

from anyio import to_thread

from bulkops.client.api import Client
from bulkops.errors import BulkopsError, ExitCode
from bulkops.fleet.shard_job import ShardJob
from bulkops.fleet.shard_run import explained
from bulkops.journal.place import Place, place_of_undo
from bulkops.journal.reader import Contents
from bulkops.journal.records import Verified
from bulkops.plan.current_state import read_recorded
from bulkops.plan.trusted import open_journal


class ShardVerify:
    """A shard whose newest journal is verified.

    Attributes:
        place: its newest journal of the fleet's job; ``None`` if it has none.
        contents: of that journal; ``None`` if it has none, or it can't be read.
        verified: what the server shows of it; ``None`` if there is nothing to verify.
        undone_by: the journal of the undo of that journal; ``None`` if none has begun.
        problem: why it could not be verified; ``None`` if nothing prevented it.
    """

    def __init__(self, of: ShardJob, *, trust_files: bool) -> None:
        self.name = of.shard.name
        self.organization = of.job.organization
        self.place: Place | None = None
        self.contents: Contents | None = None
        self.verified: Verified | None = None
        self.undone_by: Place | None = None
        self.problem: BulkopsError | None = None
        self._of = of
        self._trust_files = trust_files

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that ``verify`` of its journal alone would have; ``DONE`` without one."""
        if self.problem is not None:
            return ExitCode(self.problem.exit_code)
        differs = self.verified is not None and self.verified.differing
        return ExitCode.UNFULFILLED if differs else ExitCode.DONE

    @property
    def operations(self) -> int:
        """The number of operations that were verified."""
        known = self.verified is not None and self.contents is not None
        return len(self.contents.replay.operations) if known and self.contents else 0

    async def look(self, client: Client) -> None:
        """Compare the server with the journal; an error is the shard's own: ``problem``."""
        try:
            await to_thread.run_sync(self._open)
            if self.place is not None and self.contents is not None:
                replay = self.contents.replay
                self.verified = await read_recorded(client, replay, self.place)
        except BulkopsError as problem:
            self.problem = explained(problem, client)

    def _open(self) -> None:
        self.place = self._of.journals().newest(self._of.is_mine)
        if self.place is None:
            return
        self.contents = open_journal(self.place.reader(trusted=self._trust_files))
        undo = place_of_undo(self.place)
        self.undone_by = undo if undo.exists() else None
