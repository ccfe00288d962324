"""Job file (TOML text) → ``Job``. Pure: the caller reads the file.

Every field, default and allowed value is in ``jobs/README.md``, which a test compares with the
Structs below.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from bulkops.errors import JobError
from bulkops.job_errors import check, not_allowed, one_of, read_table
from bulkops.operations import KINDS
from bulkops.operations.model import Wish

# Patterns end in \Z because "$" would let a final line break through.
Name = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9_-]{1,90}\Z", description='1 to 90 letters, digits, "-" or "_"'),
]
"""Names a folder, so nothing a shell or a file system treats specially."""

Organization = Annotated[
    str,
    Meta(pattern=r"^[^/\s]+\Z", description="an organization's name, no spaces or slashes"),
]
"""As lenient as go-tfe's ``validStringID``: the server knows best."""

Glob = Annotated[
    str, Meta(min_length=1, description='a workspace name; "*", "?" and "[a-z]" are wildcards')
]
# The API takes tags as one comma-separated parameter and trims them.
Tag = Annotated[
    str,
    Meta(
        pattern=r"^[^=,\s]+\Z",
        description='a plain tag name without "=", "," or spaces '
        "(key=value tags can't be selected yet)",
    ),
]
WorkspaceId = Annotated[
    str, Meta(pattern=r"^ws-[A-Za-z0-9]+\Z", description='a workspace id, "ws-…"')
]
ProjectRef = Annotated[
    str, Meta(pattern=r"\S", description='one project, by its name or its id "prj-…"')
]

# An empty list would mean "any": one left empty by a template must not widen a rollout.
Globs = Annotated[tuple[Glob, ...], Meta(min_length=1)]
Tags = Annotated[tuple[Tag, ...], Meta(min_length=1)]
WorkspaceIds = Annotated[tuple[WorkspaceId, ...], Meta(min_length=1)]

Count = Annotated[int, Meta(ge=0)]
Percentage = Annotated[
    str, Meta(pattern=r"^(100|[0-9]{1,2})%\Z", description='a percentage from "0%" to "100%"')
]
Rate = Annotated[float, Meta(ge=0.1, le=100_000, description="a number from 0.1 to 100000")]
MaxAtOnce = Annotated[int, Meta(ge=1, le=512)]
Duration = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{1,6}(ms|s|m|h)\Z",
        description='a duration such as "500ms", "10s", "5m" or "1h"',
    ),
]
Table = Annotated[dict[str, object], Meta(description="a table")]

_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


class Select(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``[select]``: fields are combined with AND, values in one field with OR (tags: all of them).

    Attributes:
        names: globs, one of which the name matches; case counts.
        exclude_names: globs, none of which it matches.
        tags: all of which the workspace has.
        exclude_tags: none of which it has.
        project: name or ``prj-…`` id of the project it is in.
        ids: ``ws-…``, one of which is its own.
        all: every workspace, but for what is excluded.
        allow_empty: selecting nothing is a success, not an error.

    Raises:
        ValueError: nothing is selected, or ``all`` stands beside what narrows it.
    """

    names: Globs = ()
    exclude_names: tuple[Glob, ...] = ()
    tags: Tags = ()
    exclude_tags: tuple[Tag, ...] = ()
    project: ProjectRef | None = None
    ids: WorkspaceIds = ()
    all: bool = False
    allow_empty: bool = False

    def __post_init__(self) -> None:
        """Refuse a selection of everything that nobody asked for in so many words."""
        narrowing = [n for n in ("names", "tags", "project", "ids") if getattr(self, n)]
        if self.all and narrowing:
            raise ValueError(
                f"all = true can't stand beside {', '.join(narrowing)}: "
                "drop one or the other (exclude_names and exclude_tags may stay)"
            )
        if not self.all and not narrowing:
            raise ValueError(
                "nothing selects a workspace: "
                "give names, tags, project or ids, or all = true for every workspace"
            )


class Rollout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[rollout]``: when the job stops itself.

    Attributes:
        max_failures: a count, or a percentage of the planned operations such as ``"10%"``.
    """

    max_failures: Count | Percentage = "10%"

    def tolerated(self, operations: int) -> int:
        """Return how many failures of that many operations are borne: one more stops the job.

        A percentage is rounded down: ``"10%"`` of 19 operations bears 1, of 9 none.
        """
        if isinstance(self.max_failures, int):
            return self.max_failures
        return operations * int(self.max_failures.removesuffix("%")) // 100


class Pace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[pace]``: how fast; never above the server's own limit.

    Attributes:
        rate: requests a second, ``None`` for the server's limit.
        max_at_once: operations in flight at the same time, ``None`` for what the latency asks
            for; reading is held by the rate alone.
        settle: how long after a lost answer its effect may still land; see ``settle_seconds``.
    """

    rate: Rate | None = None
    max_at_once: MaxAtOnce | None = None
    settle: Duration = "10s"

    @property
    def settle_seconds(self) -> float:
        """``settle`` in seconds."""
        number = self.settle.rstrip("hms")
        return int(number) * _MILLISECONDS[self.settle.removeprefix(number)] / 1_000


class JobFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The top level of a job file, its tables unread."""

    name: Name
    operation: Table
    organization: Organization | None = None
    select: Table = {}
    rollout: Table = {}
    pace: Table = {}


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One change to be rolled out, as a job file says it.

    Attributes:
        name: letters, digits, ``-`` and ``_``; names the folder of its journals.
        organization: from the file, else from ``TFE_ORGANIZATION``.
        operation_kind: a key of ``KINDS``.
        wish: of that kind's ``wish_type``.
    """

    name: str
    organization: str
    operation_kind: str
    wish: Wish
    select: Select
    rollout: Rollout = Rollout()
    pace: Pace = Pace()

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of what the job means.

        Comments, layout, the order of keys and of entries in ``[select]`` don't count, and
        neither do ``[pace]`` and ``max_failures``: a job made slower, or more patient, goes on
        with the same journal.
        """
        meaning = job_to_builtins(self)
        del meaning["pace"]
        meaning["rollout"] = _without_max_failures(self.rollout)
        meaning["select"] = {
            key: sorted(set(value)) if isinstance(value, tuple) else value
            for key, value in msgspec.to_builtins(self.select).items()
        }
        return hashlib.sha256(msgspec.json.encode(meaning, order="sorted")).hexdigest()


def parse_job(
    text: str, source: str = "job file", *, default_organization: str | None = None
) -> Job:
    """Return the job a TOML text describes.

    Args:
        source: the file's name, for error messages.
        default_organization: ``TFE_ORGANIZATION``, for a file that names none.

    Raises:
        JobError: the text is no TOML, or no job; the message names the place and what is allowed.
    """
    try:
        text.encode()  # a lone surrogate would pass here and fail where the journal is written
        document = tomllib.loads(text)
    except RecursionError:
        raise JobError(f"{source}: not valid TOML: nested too deeply") from None
    except ValueError as problem:  # TOMLDecodeError, and an integer of thousands of digits
        raise JobError(f"{source}: not valid TOML: {_located(str(problem), text)}") from None
    return job_from_builtins(document, source, default_organization=default_organization)


def job_from_builtins(
    document: Mapping[str, object],
    source: str = "job",
    *,
    default_organization: str | None = None,
) -> Job:
    """Return the job a plain mapping of a job file's shape describes; raises ``JobError``."""
    file = read_table(document, JobFile, source)
    kind, wish = _operation(file.operation, source)
    return Job(
        name=file.name,
        organization=file.organization or _default_organization(default_organization, source),
        operation_kind=kind,
        wish=wish,
        select=read_table(file.select, Select, source, "select"),
        rollout=read_table(file.rollout, Rollout, source, "rollout"),
        pace=read_table(file.pace, Pace, source, "pace"),
    )


def job_to_builtins(job: Job) -> dict[str, object]:
    """Return the job in a job file's shape, fit for JSON and ``job_from_builtins``."""
    return {
        "name": job.name,
        "organization": job.organization,
        "operation": {"kind": job.operation_kind, **_given(job.wish)},
        "select": _given(job.select),
        "rollout": _given(job.rollout),
        "pace": _given(job.pace),
    }


def _operation(table: Mapping[str, object], source: str) -> tuple[str, Wish]:
    kinds = one_of(KINDS)
    if "kind" not in table:
        raise JobError(f"{source}: operation.kind is missing: give {kinds}")
    kind = table["kind"]
    if not isinstance(kind, str) or kind not in KINDS:
        raise not_allowed(f"{source}: operation.kind", kind, kinds)
    rest = {key: value for key, value in table.items() if key != "kind"}
    return kind, read_table(rest, KINDS[kind].wish_type, source, "operation", beside=("kind",))


def _default_organization(name: str | None, source: str) -> str:
    if not name:
        raise JobError(f"{source}: organization is missing: give it there, or TFE_ORGANIZATION")
    check(name, Organization, "TFE_ORGANIZATION")
    return name


def _given(struct: msgspec.Struct) -> dict[str, object]:
    # TOML has no null, so neither has the form that is read back as a job file.
    fields: dict[str, object] = msgspec.to_builtins(struct)
    return {key: value for key, value in fields.items() if value is not None}


def _without_max_failures(rollout: Rollout) -> dict[str, object]:
    return {key: value for key, value in _given(rollout).items() if key != "max_failures"}


def _located(problem: str, text: str) -> str:
    # tomllib gives line and column everywhere but here.
    line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
    end = f"(at line {line}, column {column}, the end of the file)"
    return problem.replace("(at end of document)", end)
