"""Fleet file (TOML text) → ``Fleet``. Pure: the caller reads the file.

A fleet file names one job file and many organizations: a *shard* for each. They are listed in
``[[shard]]``, or named by ``organizations``, names and globs of which those match that the token
sees. The two are not mixed: a listed shard may have its own address and token, while all of
``organizations`` is found with one token; in a mixture, which shard a change of the list affects
would depend on the other half.

What a shard names comes before the job file and the environment, which only fill in what it leaves
out. Paths are relative to the fleet file.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath

import msgspec
from msgspec.structs import replace

from bulkops.checking import allowed, check, fits, read_table, shown
from bulkops.client.access.address import canonical
from bulkops.errors import JobError
from bulkops.fleet.rollout import FleetRollout
from bulkops.fleet.tables import FleetFile, ShardTable
from bulkops.job.job import Job, Name, organization_by_default
from bulkops.job.patterns import matches
from bulkops.job.rollout import Variable
from bulkops.job.toml import parse_toml
from bulkops.journal.remote.bucket.address import is_address, parse
from bulkops.text import counted

_TOKENS = {
    "token_env": allowed(Variable),
    "token_file": "the path of the file that holds the token",
}
"""Key → what its value is. No message repeats it: a token may have been written there."""


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """One organization of a fleet.

    Attributes:
        name: letters, digits, ``-`` and ``_``; also the name of the folder for its journals.
        where: its place in the fleet file, for messages.
        organization: ``None`` if the job file or the environment names it.
        address: as ``canonical`` returns it; ``None`` if the environment names it.
        token_env: name of the variable with its token.
        token_file: path of the file with its token. With neither of these two, the token comes
            from the environment, too.
    """

    name: str
    where: str
    organization: str | None = None
    address: str | None = None
    token_env: str | None = None
    token_file: Path | None = None


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """One job for many organizations, as a fleet file declares it.

    Attributes:
        name: letters, digits, ``-`` and ``_``; also the name of the folder for its journals.
        source: the fleet file, for messages.
        job: path of the job file.
        shards: ordered by name; empty if they have yet to be found (see ``found``).
        organizations: names and globs of organizations; empty if the shards are listed.
        journals: an address in object storage, or the path of a folder; ``None`` for the default
            place.
    """

    name: str
    source: str
    job: Path
    shards: tuple[Shard, ...]
    organizations: tuple[str, ...] = ()
    rollout: FleetRollout = FleetRollout()
    journals: str | None = None

    def found(self, organizations: Iterable[str]) -> Fleet:
        """Return the fleet with a shard for each organization that it names.

        Args:
            organizations: the names of all organizations that the token sees.

        Raises:
            JobError: an entry of ``organizations`` or ``waves`` matches none, or a name can't be
                that of a folder.
        """
        names = sorted({*organizations})
        for place, entry in enumerate(self.organizations):
            if not any(matches(entry, name, any_case=True) for name in names):
                where = f"{self.source}: organizations[{place}]"
                raise _none_seen(where, entry, names)
        found = self.among(names)
        for shard in found.shards:
            check(shard.name, Name, f"{self.source}: organizations")
        return _sound(found)

    def among(self, names: Iterable[str]) -> Fleet:
        """Return the fleet with a shard for each of these organizations that it names."""
        where = f"{self.source}: organizations"
        shards = [
            Shard(name=_name_of(name), where=f"{where}: {shown(name)}", organization=name)
            for name in {*names}
            if any(matches(entry, name, any_case=True) for entry in self.organizations)
        ]
        return replace(self, shards=tuple(sorted(shards, key=lambda shard: shard.name)))

    def waves(self) -> list[tuple[str, ...]]:
        """Return the names of each wave's shards.

        Raises:
            JobError: an entry of ``waves`` matches no shard.
        """
        try:
            return self.rollout.steps(shard.name for shard in self.shards)
        except ValueError as problem:
            raise JobError(f"{self.source}: rollout.{problem}") from None

    def journals_of(self, shard: Shard, default: str) -> str:
        """Return the folder, or the address, of a shard's journals.

        It is below one that belongs to the fleet. No shard's name has a dot, so that what has one
        is free for other uses there.

        Args:
            default: the default place of journals.

        Raises:
            JobError: the default is not an address.
        """
        base = self.journals_base(default)
        if is_address(base):
            return str(parse(base) / shard.name)
        return str(PurePath(base, shard.name))

    def journals_base(self, default: str) -> str:
        """Return the folder, or the address, that has a folder for each shard's journals.

        Args:
            default: the default place of journals.

        Raises:
            JobError: the default is not an address.
        """
        base = default if self.journals is None else self.journals
        if is_address(base):
            return str(parse(base) / self.name)
        return str(PurePath(base, self.name))


def job_of(job: Job, shard: Shard, default_organization: str | None) -> Job:
    """Return a fleet's job as a shard applies it.

    Args:
        job: the job in the job file.
        default_organization: ``TFE_ORGANIZATION``.

    Raises:
        JobError: neither the shard nor the job file nor the environment names the organization.
    """
    named = shard.organization or job.organization
    return replace(
        job, organization=named or organization_by_default(default_organization, shard.where)
    )


def parse_fleet(text: str, path: Path, source: str = "fleet file") -> Fleet:
    """Return the fleet that a TOML text describes.

    Args:
        path: the file's path, whose folder the paths in it are relative to.
        source: the file's name, for error messages.

    Raises:
        JobError: the text is not TOML, or not a fleet; the message names the place and what is
            allowed.
    """
    document = parse_toml(text, source)
    file = read_table(document, FleetFile, source)
    if bool(file.shard) is bool(file.organizations):
        both = "are both given: remove one of them" if file.shard else "are missing: give one"
        raise JobError(f"{source}: [[shard]] and organizations {both}")
    shards = [_shard(table, f"shard[{n}]", source, path) for n, table in enumerate(file.shard)]
    fleet = Fleet(
        name=_name(file, path, source),
        source=source,
        job=path.parent / file.job,
        shards=tuple(sorted(shards, key=lambda shard: shard.name)),
        organizations=file.organizations,
        rollout=read_table(file.rollout, FleetRollout, source, "rollout"),
        journals=_journals(file.journals, path, source),
    )
    return _sound(fleet) if shards else fleet


def _shard(table: Mapping[str, object], key: str, source: str, path: Path) -> Shard:
    where = f"{source}: {key}"
    for name in _TOKENS:
        _refuse_token(table.get(name), name, where)
    read = read_table(table, ShardTable, source, key)
    name = read.name or _name_of(read.organization or "")
    if read.name is None and not fits(name, Name):
        raise JobError(
            f"{where}.name is missing, and organization = {shown(name)} can't be the name of a "
            f"folder: give {allowed(Name)}"
        )
    return Shard(
        name=name,
        where=f"{where} ({name})",
        organization=read.organization,
        address=None if read.address is None else canonical(read.address, f"{where}.address"),
        token_env=read.token_env,
        token_file=None if read.token_file is None else path.parent / read.token_file,
    )


def _name_of(organization: str) -> str:
    """Return the name of an organization's shard: the same in whatever case the user writes it."""
    return organization.lower()


def _refuse_token(value: object, name: str, where: str) -> None:
    """Refuse a token in the place of its variable or file, without repeating it."""
    if not isinstance(value, str):
        return
    if ".atlasv1." in value or (name == "token_env" and not fits(value, Variable)):
        raise JobError(f"{where}.{name}: not {_TOKENS[name]}. A token has no place in this file")


def _name(file: FleetFile, path: Path, source: str) -> str:
    if file.name is None and not fits(path.stem, Name):
        raise JobError(
            f"{source}: name is missing, and the file's name {shown(path.stem)} can't be the name "
            f"of a folder: give {allowed(Name)}"
        )
    return file.name or path.stem


def _journals(text: str | None, path: Path, source: str) -> str | None:
    if text is None:
        return None
    if not is_address(text):
        return str(path.parent / text)
    try:
        return str(parse(text))
    except JobError as problem:
        raise JobError(f"{source}: journals: {problem}") from None


def _sound(fleet: Fleet) -> Fleet:
    """Return the fleet; refuse shards that share their journals or organization, and bad waves."""
    first: dict[str, Shard] = {}
    for shard in fleet.shards:
        # Some file systems don't tell upper from lower case.
        same = first.setdefault(shard.name.casefold(), shard)
        if same is not shard:
            raise JobError(
                f"{shard.where}: has the name of {same.where.removeprefix(f'{fleet.source}: ')}, "
                "and so its journals (case makes no difference): give one of them another name"
            )
    fleet.waves()
    return fleet


def _none_seen(where: str, entry: str, names: Sequence[str]) -> JobError:
    near = difflib.get_close_matches(entry, names, n=1)
    hint = f'did you mean "{near[0]}"?' if near else "check it, and the token's rights"
    return JobError(
        f"{where} = {shown(entry)}: matches none of the {counted(len(names), 'organization')} that "
        f"the token sees: {hint}"
    )
