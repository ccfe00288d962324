"""One shard's newest journal against its server; the same as ``verify`` of that journal."""

from __future__ import annotations

from anyio import to_thread

from bulkops.client.api import Client
from bulkops.errors import BulkopsError, ExitCode
from bulkops.fleet.processes.record import Entry
from bulkops.fleet.report.model import ShardReport
from bulkops.fleet.report.reading import completed
from bulkops.fleet.shard_job import ShardJob
from bulkops.fleet.shard_run import explained
from bulkops.fleet.standing import is_reverted
from bulkops.fleet.waves import State
from bulkops.journal.place import Place, place_of_undo
from bulkops.journal.reader import Contents
from bulkops.journal.records import Verified
from bulkops.plan.current_state import read_recorded
from bulkops.plan.trusted import open_journal


class ShardVerify:
    """A shard whose newest journal is verified.

    Args:
        entry: in the record of the job's rollout; ``None`` if there is none.

    Attributes:
        place: its newest journal of the fleet's job, or that of its undo if it was undone
            completely; ``None`` if it has none.
        contents: of that journal; ``None`` if it has none, or it can't be read.
        verified: what the server shows of it; ``None`` if there is nothing to verify.
        undone: whether it was undone completely.
        undone_by: the journal of an undo that is not complete; ``None`` if there is none.
        recorded: what became of it if it has no journal.
        problem: why it could not be verified; ``None`` if nothing prevented it.
    """

    def __init__(self, of: ShardJob, entry: Entry | None, *, trust_files: bool) -> None:
        self.name = of.shard.name
        self.organization = of.job.organization
        self.place: Place | None = None
        self.contents: Contents | None = None
        self.verified: Verified | None = None
        self.undone = False
        self.undone_by: Place | None = None
        self.problem: BulkopsError | None = None
        self.recorded = completed(
            ShardReport(shard=self.name, organization=self.organization, state=State.NOT_BEGUN),
            entry,
        )
        self._of = of
        self._trust_files = trust_files

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that ``verify`` of its journal alone would have.

        Without a journal: that of the shard's recorded end, ``DONE`` if it has not begun.
        """
        if self.problem is not None:
            return ExitCode(self.problem.exit_code)
        if self.place is None:
            return self.recorded.exit_code or ExitCode.DONE
        differs = self.verified is not None and self.verified.differing
        return ExitCode.UNFULFILLED if differs else ExitCode.DONE

    @property
    def why(self) -> str:
        """Why it could not be verified, or failed before it had a journal; empty if neither."""
        if self.problem is not None:
            return str(self.problem)
        return self.recorded.problem if self.place is None else ""

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
        if not undo.exists():
            return
        contents = open_journal(undo.reader(trusted=self._trust_files))
        if is_reverted(self.contents.replay.header.run_id, contents.replay):
            # What the server shows now is to be what the undo left.
            self.place, self.contents, self.undone = undo, contents, True
        else:
            self.undone_by = undo
