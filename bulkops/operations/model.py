"""The values that kinds of operation work with. Pure.

A kind compares what the server shows with what the job wants: attribute mappings in the API's
spelling (``{"enforcement-level": "mandatory", "stages": ["post_plan"]}``), ``None`` for absent.
Planning, resuming, reading back and verifying are the same comparison, independent of the kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from itertools import count
from typing import Annotated, ClassVar

import msgspec

from bulkops.operations.secret import HmacKey, Secret

Attributes = Mapping[str, object]
"""The attributes a kind compares and writes, by API name; lists are in a canonical order."""


class Shared(msgspec.Struct):
    """Returns one object for equal attributes: a million operations share a few distinct ones."""

    known: dict[bytes, Attributes] = {}
    latest: Attributes = {}

    def __call__(self, attributes: Attributes) -> Attributes:
        """Return the first mapping that was equal to ``attributes``."""
        if attributes != self.latest:
            self.latest = self.known.setdefault(_encode(attributes), attributes)
        return self.latest


_encode = msgspec.json.Encoder().encode


# ``gc=False``: with a million of these, the garbage collector takes longer than everything else
# (measured), and none of them can be part of a cycle.
class Target(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What an operation changes: a workspace, or a run task of the organization.

    Attributes:
        project: name of the workspace's project when it was read, or the project's id if the
            server doesn't show the name; empty if it shows no project, or in an older journal.
            It is for people: a workspace that moves to another project stays the same target.
    """

    id: str
    name: str
    project: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """Its fields in JSON: ``workspace``, ``workspace_id`` and ``project``, or those of a task.

        A run task has ``task`` and ``task_id``.
        """
        if self.id.startswith("task-"):
            return {"task": self.name, "task_id": self.id}
        return {"workspace": self.name, "workspace_id": self.id, "project": self.project}


class Observed(msgspec.Struct, frozen=True, gc=False):
    """One object as the server shows it: its id and the attributes a kind compares."""

    id: str
    attributes: Attributes


class Operation(msgspec.Struct, frozen=True, gc=False):
    """One write to one target.

    Attributes:
        kind: the job's kind, or the verb in an undo; ``detach.2`` for the second of several
            objects on the target (see ``one_of_several``).
        before: what the server showed when this was decided, ``None`` for absent.
        desired: the attributes it should show afterwards, ``None`` for absent.
        aspect: which of its kind's aspects it writes.
        after: keys of the operations that must succeed first.
        verb: what it does, in one word for plans and reports (see ``Kind.verb``).
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
        """``attach:ws-…``: the same in every execution of the job."""
        return f"{self.kind}:{self.target.id}"

    @property
    def number(self) -> int:
        """Which of several objects on the target it is about, from 1; 0 if there is only one."""
        return int(self.kind.partition(".")[2] or 0)

    @property
    def before_id(self) -> str:
        """The id of the object observed when this was decided, empty if there was none."""
        return self.before.id if self.before else ""

    @property
    def changed(self) -> dict[str, object]:
        """The desired attributes that differ from those before: exactly what a write sends."""
        before = self.before.attributes if self.before else {}
        desired = self.desired or {}
        return {name: value for name, value in desired.items() if before.get(name) != value}


class Skip(msgspec.Struct, frozen=True, gc=False):
    """A target that is left unchanged.

    Attributes:
        reason: human-readable, for reports.
        blocked: True if the job wants a change there that bulkops can't make.
    """

    target: Target
    reason: str
    blocked: bool = False


ByTarget = Mapping[str, Sequence[Observed]]
"""Target id → what the server shows there; a target with nothing to show has no entry."""

Observations = Mapping[str, ByTarget]
"""Aspect → what the server shows of it; an aspect that can't be read back has no entry."""


class Gone(dict[str, Sequence[Observed]]):
    """An empty ``ByTarget``: the run task itself no longer exists.

    Attributes:
        task_id: the id of that run task.
    """

    def __init__(self, task_id: str) -> None:
        super().__init__()
        self.task_id = task_id


def observed_in(observations: Observations, operation: Operation) -> Sequence[Observed]:
    """Return what the server shows of the object an operation changes."""
    return own(operation, observations[operation.aspect].get(operation.target.id, ()))


def own(operation: Operation, observed: Sequence[Observed]) -> Sequence[Observed]:
    """Return the observations of its target that an operation is about (``one_of_several``)."""
    ident = operation.before_id
    return [one for one in observed if one.id == ident] if operation.number else observed


def one_of_several(operation: Operation, number: int) -> Operation:
    """Return the operation limited to the object in its ``before``, for targets with several.

    Args:
        number: from 1; distinguishes the operations on one target.
    """
    return msgspec.structs.replace(operation, kind=f"{operation.kind}.{number}")


def keys_of_several(key: str) -> Iterator[str]:
    """Yield the keys of the operations on each of a target's objects, without end.

    Args:
        key: of any of them, or of the operation if there were only one.
    """
    kind, _, target = key.partition(":")
    return (f"{kind.partition('.')[0]}.{number}:{target}" for number in count(1))


class TaskRef(msgspec.Struct, frozen=True):
    """A run task that a job names, as looked up at the server."""

    id: str
    name: str


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """What a kind needs beside its spec: the names in it, looked up at the server.

    Attributes:
        task: the run task named by ``[operation] task``, ``None`` for kinds without one.
        replaces: the run task named by ``[operation] replaces``, ``None`` for kinds without one.
        others: field → run task, for the other fields of ``Spec.run_tasks``.
        single_stage: the server knows only ``stage`` (TFE before v202404-1).
        key: the new HMAC key, if the kind sets one and is about to send it; never stored.
    """

    organization: str
    task: TaskRef | None = None
    replaces: TaskRef | None = None
    others: Mapping[str, TaskRef] = {}
    single_stage: bool = False
    key: HmacKey | None = None

    def named(self, task_id: str) -> str:
        """Return a run task's name and id for a message: ``security-scan (task-…)``."""
        known = (self.task, self.replaces, *self.others.values())
        name = next((ref.name for ref in known if ref and ref.id == task_id), "")
        return f"{name} ({task_id})" if name else task_id


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A job file's ``[operation]`` table without its ``kind``; each kind adds its own fields.

    Attributes:
        schema_rule: what ``__post_init__`` checks across fields, as JSON Schema.
        per_job: fields that are the same on every workspace, above all those that name run tasks;
            a column of ``select.file`` may override any other.
    """

    schema_rule: ClassVar[Mapping[str, object]] = {}
    per_job: ClassVar[frozenset[str]] = frozenset()

    @property
    def run_tasks(self) -> Mapping[str, str]:
        """Field → name or id of the run task it names; bulkops looks up each, all must differ."""
        return {}

    @property
    def stages_asked(self) -> tuple[str, ...]:
        """The stages that the server must support."""
        return ()

    @property
    def secret(self) -> Secret | None:
        """Where the secret it needs is, ``None`` if it needs none."""
        return None


class TaskSpec(Spec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A spec that names one run task.

    Attributes:
        task: the run task's name or id (``task-…``).
    """

    per_job: ClassVar[frozenset[str]] = frozenset({"task"})

    task: Annotated[
        str, msgspec.Meta(min_length=1, description='a run task\'s name or its id "task-…"')
    ]

    @property
    def run_tasks(self) -> Mapping[str, str]:
        """The run task in ``task``."""
        return {"task": self.task}


class Scope(Enum):
    """What a kind of operation applies to."""

    SELECTED = "the workspaces that [select] selects"
    TASK = "the run task named in [operation]"
    EVERY = "every workspace, then the run task named in [operation]"


class Right(msgspec.Struct, frozen=True):
    """A permission that the token needs on a workspace.

    Attributes:
        permission: its API name in a workspace's ``permissions``.
        lacking: the reason of the skip if the token lacks it.
    """

    permission: str
    lacking: str

    RUN_TASKS: ClassVar[Right]
    SETTINGS: ClassVar[Right]


Right.RUN_TASKS = Right("can-manage-run-tasks", "this token can't manage its run tasks")
Right.SETTINGS = Right("can-update", "this token can't change its settings")


def any_of(*fields: str) -> dict[str, object]:
    """Return a ``Spec.schema_rule`` that requires at least one of these fields."""
    return {"anyOf": [{"required": [field]} for field in fields]}


def exactly_one_of(*fields: str) -> dict[str, object]:
    """Return a ``Spec.schema_rule`` that requires exactly one of these fields."""
    return {"oneOf": [{"required": [field]} for field in fields]}
