"""What every kind of operation is made of, whichever thing it changes. Pure.

A kind compares what the server shows with what the job wants, as plain attribute mappings in
the API's own spelling (``{"enforcement-level": "mandatory", "stages": ["post_plan"]}``); ``None``
stands for absent. So planning, resuming, reading back and verifying are one comparison, and
the engine needs to know nothing about any kind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Annotated, ClassVar, Protocol, TypeAlias

import msgspec

from bulkops.api.messages import Request, Response

Attributes = Mapping[str, object]
"""Attributes a kind compares and writes, by their API names, lists in one canonical order."""


class Shared(msgspec.Struct):
    """Gives the same object for equal attributes: a million operations have few different ones."""

    known: dict[bytes, Attributes] = {}
    latest: Attributes = {}

    def __call__(self, attributes: Attributes) -> Attributes:
        """Return the first of those equal to ``attributes``."""
        if attributes != self.latest:
            self.latest = self.known.setdefault(_encode(attributes), attributes)
        return self.latest


_encode = msgspec.json.Encoder().encode


# Not looked at by the garbage collector, which takes longer than all else where there are a
# million of them (measured): none of these can be part of a cycle.
class Target(msgspec.Struct, frozen=True, gc=False):
    """The thing an operation changes: a workspace, or a run task of the organization."""

    id: str
    name: str

    @property
    def said(self) -> dict[str, str]:
        """Its name and id as a row of JSON has them: of a ``workspace`` or of a ``task``."""
        what = "task" if self.id.startswith("task-") else "workspace"
        return {what: self.name, f"{what}_id": self.id}


class Seen(msgspec.Struct, frozen=True, gc=False):
    """One thing as the server shows it: its id and the attributes a kind compares."""

    id: str
    attributes: Attributes


class Operation(msgspec.Struct, frozen=True, gc=False):
    """One write to one target.

    Attributes:
        kind: of operation; of an undo's, what it does.
        before: what the server showed when this was decided, ``None`` for absent.
        wanted: attributes it shall show afterwards, ``None`` for absent.
        aspect: which of its kind's aspects it writes.
        after: keys of the operations that must have succeeded before it is carried out.
    """

    kind: str
    target: Target
    before: Seen | None
    wanted: Attributes | None
    aspect: str = ""
    after: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """``attach:ws-…``: stays the same over every execution of the job."""
        return f"{self.kind}:{self.target.id}"


class Skip(msgspec.Struct, frozen=True, gc=False):
    """A target on which nothing is done.

    Attributes:
        reason: in words, for a report.
        blocked: True where the job's wish is not fulfilled and bulkops can't fulfil it.
    """

    target: Target
    reason: str
    blocked: bool = False


ByTarget = Mapping[str, Sequence[Seen]]
"""Id of a target → what the server shows there; a target without any has no entry."""

Showing = Mapping[str, ByTarget]
"""Aspect → what the server shows of it; one that can't be read back has no entry."""


def seen_in(showing: Showing, operation: Operation) -> Sequence[Seen]:
    """Return what the server shows of the thing an operation changes."""
    return showing[operation.aspect].get(operation.target.id, ())


class TaskRef(msgspec.Struct, frozen=True):
    """A run task a job is about, as looked up at the server."""

    id: str
    name: str


class HmacKey:
    """A run task's new HMAC key, which no journal, report, log or traceback is to show."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        """Leave the key out."""
        return "HmacKey(…)"

    @property
    def digest(self) -> str:
        """Its SHA-256, in hex."""
        return hashlib.sha256(self._text.encode()).hexdigest()

    def reveal(self) -> str:
        """Return the key itself, for the one request that sets it."""
        return self._text


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """What a job's kind must know of the server, beside the job's own wish.

    Attributes:
        task: the run task that ``[operation] task`` names, ``None`` for a kind without one.
        replaces: the run task that ``[operation] replaces`` names, ``None`` for a kind without one.
        single_stage: the server knows only ``stage`` (TFE before v202404-1).
        key: of a kind that sets one, where something is to be sent; never written anywhere.
    """

    organization: str
    task: TaskRef | None = None
    replaces: TaskRef | None = None
    single_stage: bool = False
    key: HmacKey | None = None


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A job file's ``[operation]`` table without its ``kind``; each kind adds its own fields."""

    @property
    def stages_asked(self) -> tuple[str, ...]:
        """The stages the server must know for this wish."""
        return ()


class TaskWish(Wish, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A wish about one run task.

    Attributes:
        task: the run task, by its name or its id ``task-…``.
    """

    task: Annotated[
        str, msgspec.Meta(min_length=1, description='a run task\'s name or its id "task-…"')
    ]


class Attached(msgspec.Struct, frozen=True):
    """What an aspect is read from: the attachments of a run task.

    Attributes:
        gone_from: the organization whose list tells that the run task itself is gone, and its
            attachments with it; empty where that is an error.
    """

    task_id: str
    gone_from: str = ""


class RunTasksOf(msgspec.Struct, frozen=True):
    """What an aspect is read from: an organization's run tasks.

    Attributes:
        fields: attributes looked at, by their API names.
    """

    organization: str
    fields: tuple[str, ...]


class WorkspacesOf(msgspec.Struct, frozen=True):
    """What an aspect is read from: an organization's workspaces.

    Attributes:
        fields: attributes looked at, by their API names.
    """

    organization: str
    fields: tuple[str, ...]


Source: TypeAlias = Attached | RunTasksOf | WorkspacesOf
"""What an aspect is read from, for all targets at once."""


class Aspect(Protocol):
    """One thing about its targets that operations change: how it is read and written.

    ``request`` is the write; ``look`` and ``seen`` read one target back after a lost answer;
    ``echo`` reads what a write's answer says.
    """

    @property
    def source(self) -> Source | None:
        """What it is read from, for all targets at once.

        ``None``: it can't be read back. Then writing it twice must be writing it once, and
        ``look`` and ``seen`` are not asked.
        """
        ...

    def request(self, operation: Operation) -> Request:
        """Return the one request that carries the operation out."""
        ...

    def look(self, operation: Operation) -> Request:
        """Return the paged read that shows the operation's target."""
        ...

    def seen(self, operation: Operation, answer: Response) -> list[Seen]:
        """Return what one page of ``look`` shows of the target; ``ServerBroken`` if unreadable."""
        ...

    def echo(self, answer: Response) -> Seen | None:
        """Return what a write's answer shows, ``None`` where it has no body."""
        ...


class Over(Enum):
    """What a kind of operation goes over."""

    SELECTED = "the workspaces that [select] selects"
    TASK = "the run task that [operation] names"
    EVERY = "every workspace, then the run task that [operation] names"


class Right(Enum):
    """What a token must be allowed on a workspace; the value says in words that it is not."""

    RUN_TASKS = "this token may not manage run tasks on it"
    SETTINGS = "this token may not change its settings"


class Kind(Protocol):
    """One kind of operation, bound to one job's wish.

    Attributes:
        over: what it goes over; a job has ``[select]`` where that is the selected workspaces.
        right: what the token must be allowed on each of the workspaces.
        reversible: undo takes back what it did.
        verbs: of ``wording.verb``, those that a plan counts even where none occurs.
        destroys: what it changes is lost to whoever doesn't have the journal, so that a plain
            yes is not enough to start a job.
        keeps_one: of what its aspects show of a target, one at least stays.
    """

    name: ClassVar[str]
    wish_type: ClassVar[type[Wish]]
    over: ClassVar[Over]
    right: ClassVar[Right]
    verbs: ClassVar[Sequence[str]]
    destroys: ClassVar[bool] = False
    keeps_one: ClassVar[bool] = False
    reversible: ClassVar[bool]

    def __init__(self, wish: Wish, binding: Binding) -> None: ...

    @property
    def aspects(self) -> Mapping[str, Aspect]:
        """What its operations change, by ``Operation.aspect``."""
        ...

    def decide(self, target: Target, showing: Showing) -> Sequence[Operation | Skip]:
        """Return the writes that bring ``target`` to the wish, or why there is none."""
        ...

    def notes(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Return in words what of these a careful reader of the plan should know."""
        ...
