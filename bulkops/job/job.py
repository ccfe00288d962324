"""Job file (TOML text) → ``Job``. Pure: the caller reads the file.

``jobs/README.md`` lists every field, default and allowed value; a test compares it with the Structs
below. Kinds that are not built in come from other installed packages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from bulkops.checking import Table, check, given, read_table
from bulkops.errors import JobError
from bulkops.job.journal import JournalOptions
from bulkops.job.listing.manifest import Manifest
from bulkops.job.listing.values import read_specs
from bulkops.job.notify import Notify, read_notify
from bulkops.job.pace import Pace
from bulkops.job.rollout import Rollout, read_rollout
from bulkops.job.select import Select
from bulkops.job.toml import parse_toml
from bulkops.operations import steps, wording
from bulkops.operations.model import Scope
from bulkops.operations.steps import Steps, StepTable

# Patterns end in \Z because "$" would accept a trailing line break.
Name = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9_-]{1,90}\Z", description='1 to 90 letters, digits, "-" or "_"'),
]
"""Also the name of a folder: no characters that are special to a shell or a file system."""

Organization = Annotated[
    str,
    Meta(pattern=r"^[^/\s]+\Z", description="an organization's name, no spaces or slashes"),
]
"""As lenient as go-tfe's ``validStringID``: the server decides what is valid."""

ORGANIZATIONS = ("TFE_ORGANIZATION", "TF_CLOUD_ORGANIZATION")
"""Variables of the ``tfe`` provider and Terraform's ``cloud`` block. Empty means unset."""

_WITHOUT_EFFECT = ("pace", "journal", "notify")
"""Tables that are not part of the digest."""

Tables = Annotated[
    dict[str, object] | list[dict[str, object]], Meta(description="a table, or a list of tables")
]


class JobFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The top level of a job file, with its tables unparsed.

    Attributes:
        name: the job's name, and that of the folder for its journals.
        operation: the change to make; several `[[operation]]` tables are carried out in their order
            on each workspace.
        organization: the organization to change; defaults to ``TFE_ORGANIZATION`` or else
            ``TF_CLOUD_ORGANIZATION``. One of them is required.
        select: the workspaces to change; required for the kinds that change workspaces, not
            allowed for the others.
        rollout: waves, gates and the failure tolerance.
        pace: the request rate, and how long to wait for a slow or unavailable server.
        journal: how the job's journal is held.
        notify: who is told that the job has started, paused, stopped or finished.
    """

    name: Name
    operation: Tables
    organization: Organization | None = None
    select: Table = {}
    rollout: Table = {}
    pace: Table = {}
    journal: Table = {}
    notify: Table = {}


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A change to roll out, as a job file declares it: of one step, or of several.

    Attributes:
        name: letters, digits, ``-`` and ``_``; also the name of the folder for its journals.
        organization: from the file, otherwise from the environment. Empty in a fleet's job
            that names none: its shards do (``bulkops.fleet.fleet.job_of``).
        steps: its ``[operation]`` tables, in their order on each target.
        select: not used by kinds that don't change selected workspaces.
        folder: absolute path of the job file's folder, in which its gate runs; not part of the
            digest. Empty for a job without a file.
        list_file: ``select.file`` as written, from which ``select.listed`` was read, for messages;
            not part of the digest. Empty without one, and in a job from a journal.
    """

    name: str
    organization: str
    steps: Steps
    select: Select
    rollout: Rollout = Rollout()
    pace: Pace = Pace()
    journal: JournalOptions = JournalOptions()
    notify: Notify = Notify()
    folder: str = ""
    list_file: str = ""

    @property
    def secret_variables(self) -> frozenset[str]:
        """The environment variables that hold secrets of the job."""
        secret = steps.secret_of(self.steps)
        own = {secret.env} if secret and secret.env else set[str]()
        return self.notify.variables | own

    def allowing(self, most: int | None) -> Job:
        """Return the job with another ``max_operations``; ``None`` keeps it."""
        if most is None:
            return self
        rollout = msgspec.structs.replace(self.rollout, max_operations=most)
        return msgspec.structs.replace(self, rollout=rollout)

    def effective(self, undo_of: str) -> Job:
        """Return the job as it is carried out (see ``Rollout.effective``)."""
        return msgspec.structs.replace(self, rollout=self.rollout.effective(undo_of))

    @property
    def kind(self) -> str:
        """The name of its kind, or those of its steps: ``attach+detach``."""
        return steps.name_of(self.steps)

    @property
    def digest(self) -> str:
        """The SHA-256, in hex, of everything that decides the job's effect.

        Comments, layout, the case of the organization's name, and the order of keys and of entries
        in ``[select]`` don't affect it. Neither do ``[journal]``, ``[notify]``, ``[pace]``
        and ``[rollout]``, except where the waves end: a slower or more patient job resumes with the
        same journal.
        """
        return digest_of(job_to_builtins(self))


def digest_of(document: Mapping[str, Any], *, any_case: bool = True) -> str:
    """Return ``Job.digest`` of a job in the form of ``job_to_builtins``, as a journal has it.

    The document is used as written, so that fields added by a later version change no digest.

    Args:
        any_case: whether the case of the organization's name doesn't matter, as to the server.
            To bulkops 0.2 it did.

    Raises:
        Exception: ``KeyError``, ``TypeError`` or ``AttributeError`` if it is not in this form.
    """
    meaning = {name: value for name, value in document.items() if name not in _WITHOUT_EFFECT}
    if any_case:
        meaning["organization"] = meaning["organization"].lower()
    waves = meaning["rollout"].get("waves", ())
    sizes = [wave if isinstance(wave, str) else wave["size"] for wave in waves]
    sizes = [size.lstrip("0") for size in sizes]
    meaning["rollout"] = {"waves": sizes} if sizes else {}
    if "select" in meaning:
        meaning["select"] = {
            key: sorted(set(value)) if isinstance(value, tuple | list) else value
            for key, value in meaning["select"].items()
        }
    return hashlib.sha256(msgspec.json.encode(meaning, order="sorted")).hexdigest()


def parse_job(
    text: str,
    source: str = "job file",
    *,
    default_organization: str | None = None,
    of_fleet: bool = False,
) -> Job:
    """Return the job a TOML text describes; a file in ``select.file`` is not read.

    Args:
        source: the file's name, for error messages.
        default_organization: that of ``organization_in``, used if the file names no organization.
        of_fleet: the file may leave the organization out, because a fleet's shards name it.

    Raises:
        JobError: the text is not TOML, or not a job; the message names the place and what is
            allowed.
    """
    document = parse_toml(text, source)
    return job_from_builtins(
        document, source, default_organization=default_organization, of_fleet=of_fleet
    )


def job_from_builtins(
    document: Mapping[str, object],
    source: str = "job",
    *,
    default_organization: str | None = None,
    folder: str = "",
    of_fleet: bool = False,
    read: Callable[[str], Manifest] | None = None,
) -> Job:
    """Return the job from a plain mapping in the form of a job file.

    Args:
        source, default_organization, of_fleet: as for ``parse_job``.
        folder: see ``Job``.
        read: reads the file in ``select.file`` by its name as written. Without it, the job keeps
            that name, and can have no values per workspace.

    Raises:
        JobError: it is not a job; the message names the place and what is allowed.
    """
    file = read_table(document, JobFile, source)
    organization = file.organization
    if organization is None:
        organization = "" if of_fleet else organization_by_default(default_organization, source)
    tables = steps.read_kinds(file.operation, source)
    select = _select(file.select, tables, source, given="select" in document)
    list_file, manifest = select.file or "", None
    if list_file and read is not None:
        manifest = read(list_file)
        select = msgspec.structs.replace(select, file=None, listed=manifest.entries)
    read_step = partial(read_specs, listed=select.listed, manifest=manifest)
    return Job(
        name=file.name,
        organization=organization,
        steps=steps.read_steps(tables, source, organization, read_step),
        select=select,
        list_file=list_file if manifest else "",
        rollout=read_rollout(file.rollout, source),
        pace=read_table(file.pace, Pace, source, "pace"),
        journal=read_table(file.journal, JournalOptions, source, "journal"),
        notify=read_notify(file.notify, source),
        folder=folder,
    )


def job_to_builtins(job: Job) -> dict[str, object]:
    """Return the job in the form of a job file, for JSON and ``job_from_builtins``."""
    selects = steps.scope_of(job.steps) is Scope.SELECTED
    # bulkops 0.2 knows neither of these, so that a header has them only if a job file sets them.
    later = {"journal": given(job.journal), "notify": given(job.notify)}
    return {
        "name": job.name,
        "organization": job.organization,
        "operation": steps.to_tables(job.steps),
        **({"select": given(job.select)} if selects else {}),
        "rollout": given(job.rollout),
        "pace": given(job.pace),
        **{name: table for name, table in later.items() if table},
    }


def _select(
    table: Mapping[str, object], to_do: Sequence[StepTable], source: str, *, given: bool
) -> Select:
    scope = to_do[0].kind.scope
    if scope is Scope.SELECTED:
        return read_table(table, Select, source, "select")
    if given:
        kind = wording.joined(one.kind.name for one in to_do)
        raise JobError(f"{source}: select: a {kind} job applies to {scope.value}: remove [select]")
    return Select(all=True, allow_empty=True)


def organization_in(env: Mapping[str, str]) -> str:
    """Return the organization that the first of ``ORGANIZATIONS`` names, empty if none does."""
    return next((env[name] for name in ORGANIZATIONS if env.get(name)), "")


def organization_by_default(name: str | None, source: str) -> str:
    """Return the environment's organization, for a file that names none.

    Raises:
        JobError: it is not set, or can't be an organization's name.
    """
    if not name:
        raise JobError(f"{source}: organization is missing: set it here, or set TFE_ORGANIZATION")
    check(name, Organization, " or ".join(ORGANIZATIONS))
    return name


def same_organization(one: str, other: str) -> bool:
    """Return whether two names are of the same organization: the server ignores their case."""
    return one.lower() == other.lower()
