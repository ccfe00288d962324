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
from typing import Annotated, ClassVar

import msgspec

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


class Observed(msgspec.Struct, frozen=True, gc=False):
    """One thing as the server shows it: its id and the attributes a kind compares."""

    id: str
    attributes: Attributes


class Operation(msgspec.Struct, frozen=True, gc=False):
    """One write to one target.

    Attributes:
        kind: of operation; of an undo's, what it does; ``detach.2`` for the second of several
            things that the target has, see ``one_of_several``.
        before: what the server showed when this was decided, ``None`` for absent.
        desired: attributes it shall show afterwards, ``None`` for absent.
        aspect: which of its kind's aspects it writes.
        after: keys of the operations that must have succeeded before it is carried out.
        verb: what it does, in one word for plans and reports: of ``Kind.verb``.
    """

    kind: str
    target: Target
    before: Observed | None
    desired: Attributes | None
    aspect: str = ""
    after: tuple[str, ...] = ()
    verb: str = ""

    @property
    def key(self) -> str:
        """``attach:ws-…``: stays the same over every execution of the job."""
        return f"{self.kind}:{self.target.id}"

    @property
    def number(self) -> int:
        """Which of several things on the target it is about, from 1; 0 where there is only one."""
        return int(self.kind.partition(".")[2] or 0)

    @property
    def before_id(self) -> str:
        """The id of what was there when this was decided, empty for nothing."""
        return self.before.id if self.before else ""

    @property
    def changed(self) -> dict[str, object]:
        """The attributes wanted that are not so before: what a write sends, and no other."""
        before = self.before.attributes if self.before else {}
        desired = self.desired or {}
        return {name: value for name, value in desired.items() if before.get(name) != value}


class Skip(msgspec.Struct, frozen=True, gc=False):
    """A target on which nothing is done.

    Attributes:
        reason: in words, for a report.
        blocked: True where the job's wish is not fulfilled and bulkops can't fulfil it.
    """

    target: Target
    reason: str
    blocked: bool = False


ByTarget = Mapping[str, Sequence[Observed]]
"""Id of a target → what the server shows there; a target without any has no entry."""

Observations = Mapping[str, ByTarget]
"""Aspect → what the server shows of it; one that can't be read back has no entry."""


class Gone(dict[str, Sequence[Observed]]):
    """What the server shows where the run task itself is gone: nothing, of any target.

    Attributes:
        task_id: of that run task.
    """

    def __init__(self, task_id: str) -> None:
        super().__init__()
        self.task_id = task_id


def observed_in(observations: Observations, operation: Operation) -> Sequence[Observed]:
    """Return what the server shows of the thing an operation changes."""
    return own(operation, observations[operation.aspect].get(operation.target.id, ()))


def own(operation: Operation, observed: Sequence[Observed]) -> Sequence[Observed]:
    """Return, of what a target shows, what the operation is about: see ``one_of_several``."""
    ident = operation.before_id
    return [one for one in observed if one.id == ident] if operation.number else observed


def one_of_several(operation: Operation, number: int) -> Operation:
    """Return an operation that is about the thing it was planned from, and no other like it.

    Args:
        number: from 1; tells the operations on one target apart.
    """
    return msgspec.structs.replace(operation, kind=f"{operation.kind}.{number}")


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


class Secret(msgspec.Struct, frozen=True):
    """Where a wish's secret is: in an environment variable, or in a file; one of the two.

    Attributes:
        field: of the wish, that says so.
        shown_as: the attribute that stands for it in an operation's ``desired``: its SHA-256.
    """

    field: str
    shown_as: str
    env: str = ""
    file: str = ""


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """What a job's kind must know of the server, beside the job's own wish.

    Attributes:
        task: the run task that ``[operation] task`` names, ``None`` for a kind without one.
        replaces: the run task that ``[operation] replaces`` names, ``None`` for a kind without one.
        others: those that other fields name, by the field: see ``Spec.run_tasks``.
        single_stage: the server knows only ``stage`` (TFE before v202404-1).
        key: of a kind that sets one, where something is to be sent; never written anywhere.
    """

    organization: str
    task: TaskRef | None = None
    replaces: TaskRef | None = None
    others: Mapping[str, TaskRef] = {}
    single_stage: bool = False
    key: HmacKey | None = None

    def named(self, task_id: str) -> str:
        """Return a run task as people are told of it: ``security-scan (task-…)``."""
        known = (self.task, self.replaces, *self.others.values())
        name = next((ref.name for ref in known if ref and ref.id == task_id), "")
        return f"{name} ({task_id})" if name else task_id


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A job file's ``[operation]`` table without its ``kind``; each kind adds its own fields.

    Attributes:
        schema_rule: as JSON Schema, what its ``__post_init__`` holds over several fields.
    """

    schema_rule: ClassVar[Mapping[str, object]] = {}

    @property
    def run_tasks(self) -> Mapping[str, str]:
        """The run tasks it names: field → name or id; each is looked up, and all must differ."""
        return {}

    @property
    def stages_asked(self) -> tuple[str, ...]:
        """The stages the server must know for this wish."""
        return ()

    @property
    def secret(self) -> Secret | None:
        """Where the secret is that it needs, ``None`` for none."""
        return None


class TaskSpec(Spec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A wish about one run task.

    Attributes:
        task: the run task, by its name or its id ``task-…``.
    """

    task: Annotated[
        str, msgspec.Meta(min_length=1, description='a run task\'s name or its id "task-…"')
    ]

    @property
    def run_tasks(self) -> Mapping[str, str]:
        """The one that it is about."""
        return {"task": self.task}


class Scope(Enum):
    """What a kind of operation goes over."""

    SELECTED = "the workspaces that [select] selects"
    TASK = "the run task that [operation] names"
    EVERY = "every workspace, then the run task that [operation] names"


class Right(msgspec.Struct, frozen=True):
    """What a token must be allowed on a workspace.

    Attributes:
        permission: as the API names it in a workspace's ``permissions``.
        lacking: in words that it may not.
    """

    permission: str
    lacking: str

    RUN_TASKS: ClassVar[Right]
    SETTINGS: ClassVar[Right]


Right.RUN_TASKS = Right("can-manage-run-tasks", "this token may not manage run tasks on it")
Right.SETTINGS = Right("can-update", "this token may not change its settings")


def any_of(*fields: str) -> dict[str, object]:
    """Return the ``Spec.schema_rule`` that at least one of these fields is given."""
    return {"anyOf": [{"required": [field]} for field in fields]}


def exactly_one_of(*fields: str) -> dict[str, object]:
    """Return the ``Spec.schema_rule`` that exactly one of these fields is given."""
    return {"oneOf": [{"required": [field]} for field in fields]}
