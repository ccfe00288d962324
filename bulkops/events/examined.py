"""Events of commands that only read files and the server. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from bulkops.events.model import Counts, Event, OfShard, OfTarget, Time
from bulkops.events.reported import End

if TYPE_CHECKING:
    from bulkops.operations.model import Target


class Job(Event, frozen=True, kw_only=True, tag="job"):
    """The contents of a job file.

    Attributes:
        job: the job's name.
        kind: the kind of operation.
        organization: the organization's name.
        task: the run task as the file names it; null for a kind without one.
        selecting: the fields of the job file that select workspaces.
    """

    job: str
    kind: str
    organization: str
    task: str | None
    selecting: tuple[str, ...]


class Fleet(Event, frozen=True, kw_only=True, tag="fleet"):
    """The contents of a fleet file.

    Attributes:
        fleet: the fleet's name.
        job: the name of the job that every shard applies.
        kind: the kind of operation.
        task: the run task as the job file names it; null for a kind without one.
        shards: the names of the shards; empty if they have yet to be found.
        organizations: names and globs of the organizations to find; empty if the shards are
            listed.
        waves: number of shards in each wave, in order; empty if they have yet to be found.
    """

    fleet: str
    job: str
    kind: str
    task: str | None
    shards: tuple[str, ...]
    organizations: tuple[str, ...]
    waves: tuple[int, ...]


class Workspace(Event, frozen=True, kw_only=True, tag="workspace"):
    """A workspace, and whether the job selects it.

    Attributes:
        workspace: the workspace's name.
        workspace_id: its id, `ws-…`.
        project: name of its project, or the project's id if the server does not show the name;
            empty if the server shows no project.
        selected: whether the job selects it; false only with `--why`.
        reason: why it is not selected, human-readable; null if it is selected.
    """

    workspace: str
    workspace_id: str
    project: str
    selected: bool
    reason: str | None

    @classmethod
    def of(cls, target: Target, reason: str | None = None) -> Workspace:
        """Return the event of a workspace; ``reason``: why it is not selected, if it is not."""
        return cls(
            workspace=target.name,
            workspace_id=target.id,
            project=target.project,
            selected=reason is None,
            reason=reason,
        )


class Selection(Event, frozen=True, kw_only=True, tag="selection"):
    """The total of a selection; printed after its workspaces.

    Attributes:
        selected: number of workspaces that the job selects.
        notes: remarks worth reading, human-readable.
    """

    selected: int
    notes: tuple[str, ...]


class Differing(OfTarget, frozen=True, kw_only=True, tag="differing"):
    """An operation whose desired state the server does not show.

    Attributes:
        key: the operation's key (see `operation`).
        shows: the state that the server shows instead, human-readable.
    """

    key: str
    shows: str


class Verified(OfShard, frozen=True, kw_only=True, tag="verified"):
    """The totals of a verification; printed after the operations that differ.

    Attributes:
        verified: number of operations whose desired state the server shows.
        differing: number of operations for which the server shows another state.
        unreadable: number of operations whose result can't be read back from any server.
    """

    verified: int
    differing: int
    unreadable: int


class Journal(Event, frozen=True, kw_only=True, tag="journal"):
    """The condition of a journal file.

    Attributes:
        state: `torn` means that the last line is incomplete, as after a power cut, and the next
            apply or resume cuts it off; `damaged` means that a line is unreadable; `disagreeing`
            means that the job could not have produced these records.
        lines: number of intact lines.
        sound_bytes: length of the intact lines in bytes.
        other_bytes: number of bytes after them.
        run_id: id of this run of the job.
        counts: outcome (or `pending`) → number of operations, by the intact lines.
        problem: the contradiction in the journal, human-readable; empty if there is none.
    """

    state: Literal["sound", "torn", "damaged", "disagreeing"]
    lines: int
    sound_bytes: int
    other_bytes: int
    run_id: str
    counts: Counts
    problem: str


class Listed(Event, frozen=True, kw_only=True, tag="listed"):
    """A journal of the default place, by its first line and its end.

    Attributes:
        journal: its path or address.
        job: the job's name; null if the journal can't be read.
        organization: the organization's name; null if the journal can't be read.
        created_at: time at which the journal was created; null if it can't be read.
        ended: how the last execution ended; empty if it was killed or is still running; null if
            the journal can't be read.
        problem: why it can't be read, human-readable; empty if it can be.
    """

    journal: str
    job: str | None
    organization: str | None
    created_at: Time | None
    ended: End | None
    problem: str


class Copied(Event, frozen=True, kw_only=True, tag="copied"):
    """A journal that was copied.

    Attributes:
        source: the path or address of the journal.
        target: the path or address of its copy.
        lines: number of lines that were copied.
        bytes: their length.
        left_out: length of the torn tail that the copy lacks, in bytes.
        run_id: id of this run of the job, which is that of both.
    """

    source: str
    target: str
    lines: int
    bytes: int
    left_out: int
    run_id: str
