"""What is said of files and servers that were only looked at. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from bulkops.events.model import Counts, Event, OfTarget

if TYPE_CHECKING:
    from bulkops.operations.model import Target


class Job(Event, frozen=True, kw_only=True, tag="job"):
    """What a job file is.

    Attributes:
        job: the job's name.
        kind: the kind of operation.
        organization: the organization's name.
        task: the run task as the file names it; null for a kind without one.
        selecting: the fields that say which workspaces.
    """

    job: str
    kind: str
    organization: str
    task: str | None
    selecting: tuple[str, ...]


class Workspace(Event, frozen=True, kw_only=True, tag="workspace"):
    """A workspace, and whether the job selects it.

    Attributes:
        workspace: the workspace's name.
        workspace_id: its id, `ws-…`.
        selected: true where the job is for it; false only with `--why`.
        reason: why it is not selected, in words; null where it is.
    """

    workspace: str
    workspace_id: str
    selected: bool
    reason: str | None

    @classmethod
    def of(cls, target: Target, reason: str | None = None) -> Workspace:
        """Return the event of a workspace; ``reason``: why it is not selected."""
        return cls(
            workspace=target.name,
            workspace_id=target.id,
            selected=reason is None,
            reason=reason,
        )


class Selection(Event, frozen=True, kw_only=True, tag="selection"):
    """What a selection comes to; after all its workspaces.

    Attributes:
        selected: workspaces the job is for.
        notes: what a careful reader should know, in words.
    """

    selected: int
    notes: tuple[str, ...]


class Differing(OfTarget, frozen=True, kw_only=True, tag="differing"):
    """An operation that the server does not show as wanted.

    Attributes:
        key: the operation's, as its event `operation` has it.
        shows: what the server shows instead, in words.
    """

    key: str
    shows: str


class Verified(Event, frozen=True, kw_only=True, tag="verified"):
    """What a verification comes to; after all that differs.

    Attributes:
        verified: operations that the server shows as wanted.
        differing: operations that it does not.
        unreadable: operations of which no server shows anything.
    """

    verified: int
    differing: int
    unreadable: int


class Journal(Event, frozen=True, kw_only=True, tag="journal"):
    """What is in a journal's file.

    Attributes:
        state: torn is what a power cut leaves, and the next apply or resume cuts it; disagreeing
            is a journal whose job could not have decided what is in it.
        lines: sound lines.
        sound_bytes: bytes of the sound lines.
        other_bytes: bytes after them.
        run_id: names this run of the job.
        counts: outcome (and `pending`) → operations, by the sound lines.
        problem: how it does not agree with itself, in words; empty if it does.
    """

    state: Literal["sound", "torn", "damaged", "disagreeing"]
    lines: int
    sound_bytes: int
    other_bytes: int
    run_id: str
    counts: Counts
    problem: str
