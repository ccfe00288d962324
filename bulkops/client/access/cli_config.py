"""Reads Terraform's CLI configuration: which tokens it has, and which credentials helper. Pure.

| ``TF_CLI_CONFIG_FILE`` | files, in this order; a later one's tokens replace an earlier one's    |
|------------------------|------------------------------------------------------------------------|
| not set                | ``~/.terraformrc``                                                     |
|                        | ``~/.terraform.d/*.tfrc`` and ``*.tfrc.json``, by name                 |
| set                    | ``~/.terraform.d/credentials.tfrc.json``                               |
|                        | the file that it names                                                 |

``TERRAFORM_CONFIG`` is its older name. If it is set, Terraform itself doesn't read the credentials
file; but ``terraform login`` still writes it, and the ``tfe`` provider reads it. On Windows the
files are ``terraform.rc`` and ``terraform.d`` in ``%APPDATA%``.

A helper is a program ``terraform-credentials-NAME`` in ``~/.terraform.d/plugins``, or below it in
the folder of this system (``linux_amd64``). Its file's name may have a version, ``…-NAME_v1.2.0``;
then the newest one counts. Only a ``credentials_helper`` block causes one to be
run.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from bulkops.client.access.address import in_ascii
from bulkops.client.access.hcl import HclError, parse
from bulkops.errors import BulkopsError, unreadable

OVERRIDES = ("TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG")
CREDENTIALS_FILE = "credentials.tfrc.json"
_PLAIN_NAME = re.compile(r"[\w-]+", re.ASCII)
# ``_x4`` is the version of the protocol between Terraform and its plugins.
_VERSION = re.compile(r"(?:_v(\d+(?:\.\d+)*)(-[^_]*)?(?:_x\d+)?)?(?:\.exe)?", re.ASCII)


class Machine(Protocol):
    """The files and programs of the machine that bulkops runs on.

    Attributes:
        system: its kind as Terraform names it, ``linux_amd64``.
    """

    system: str

    def read_text(self, path: Path) -> str | None:
        """Return a file's text, ``None`` if it does not exist.

        Raises:
            BulkopsError, OSError, UnicodeError: it can't be read.
        """
        ...

    def names_in(self, folder: Path) -> Sequence[str]:
        """Return the names in a folder; none if it can't be listed."""
        ...

    def answer_of(self, program: Path, arguments: Sequence[str]) -> str | None:
        """Return what a program prints, ``None`` if it does not exist; it runs only once.

        Raises:
            BulkopsError: it can't be run, fails or takes too long.
        """
        ...


class Helper(NamedTuple):
    """A ``credentials_helper`` block.

    Attributes:
        programs: where its program may be; the first that exists is run.
        arguments: those before ``get HOST``.
        file: the file that names it.
    """

    name: str
    programs: tuple[Path, ...]
    arguments: tuple[str, ...]
    file: Path


class Entry(NamedTuple):
    """What a ``credentials`` block has, in whatever shape, and the file it is in."""

    content: object
    file: Path


class CliConfig(NamedTuple):
    """Terraform's CLI configuration, as far as credentials are concerned.

    Attributes:
        entries: host, as ``comparable`` returns it → its entry.
        helper: ``None`` if none is configured.
        places: where credentials were looked for, in words.
    """

    entries: dict[str, Entry]
    helper: Helper | None
    places: list[str]


def cli_config(
    env: Mapping[str, str], machine: Machine, *, windows: bool = sys.platform == "win32"
) -> CliConfig:
    """Return the configuration in the files of the table above.

    Raises:
        BulkopsError: a file can't be read or isn't HCL or JSON, or the helper is ambiguous.
    """
    folder, main = _default_places(env, windows=windows)
    override = next((name for name in OVERRIDES if env.get(name)), None)
    files: list[Path] = []
    if folder and main:
        files = [folder / CREDENTIALS_FILE] if override else [main, *_in_folder(folder, machine)]
    places = [str(file) for file in files]
    if not files:
        places = ["~/.terraformrc", f"~/.terraform.d/{CREDENTIALS_FILE} (HOME is not set)"]
    if override:
        files.append(Path(env[override]))
        places.append(f"{files[-1]} ({override})")
    entries: dict[str, Entry] = {}
    helpers: list[Helper] = []
    for file in files:
        content = _content(file, machine)
        for host, entry in _table(content, "credentials", file).items():
            if entry is not None:
                entries[comparable(host)] = Entry(entry, file)
        for name, block in _table(content, "credentials_helper", file).items():
            helpers.append(_helper(name, block, file, folder, machine))
    if len(helpers) > 1:
        blocks = " and ".join(f"{one.name} in {one.file}" for one in helpers)
        raise BulkopsError(f"there is more than one credentials_helper: {blocks}: remove one")
    return CliConfig(entries, helpers[0] if helpers else None, places)


def comparable(host: str) -> str:
    """Return a host as Terraform compares it: as punycode, with its port, except 443."""
    return in_ascii(host).lower().removesuffix(":443")


def _default_places(
    env: Mapping[str, str], *, windows: bool
) -> tuple[Path, Path] | tuple[None, None]:
    """Return Terraform's folder, and its file outside of it."""
    home = env.get("APPDATA" if windows else "HOME")
    if not home:
        return None, None
    if windows:
        return Path(home, "terraform.d"), Path(home, "terraform.rc")
    return Path(home, ".terraform.d"), Path(home, ".terraformrc")


def _in_folder(folder: Path, machine: Machine) -> list[Path]:
    """Return the configuration files in Terraform's folder, and the one that may be missing."""
    found = {n for n in machine.names_in(folder) if n.endswith((".tfrc", ".tfrc.json"))}
    return [folder / name for name in sorted(found | {CREDENTIALS_FILE})]


def _content(file: Path, machine: Machine) -> dict[str, object]:
    try:
        text = machine.read_text(file)
        return {} if text is None else parse(text)
    except (OSError, UnicodeError) as problem:
        raise BulkopsError(unreadable(file, problem)) from None
    except HclError as problem:
        raise BulkopsError(f"{file} is not a Terraform CLI configuration: {problem}") from None


def _table(content: dict[str, object], name: str, file: Path) -> dict[str, object]:
    table = content.get(name)
    if table is None:
        return {}
    if not isinstance(table, dict):
        raise BulkopsError(
            f"{file} is not a Terraform CLI configuration: {name} has no name of what it is for"
        )
    return table


def _helper(name: str, block: object, file: Path, folder: Path | None, machine: Machine) -> Helper:
    arguments = block.get("args") if isinstance(block, dict) else None
    arguments = [] if arguments is None else arguments
    sound = isinstance(arguments, list) and all(isinstance(a, str) for a in arguments)
    if not (sound and _PLAIN_NAME.fullmatch(name)):
        raise BulkopsError(
            f'{file}: credentials_helper "{name}" is not like this: '
            'credentials_helper "NAME" { args = ["--option"] }'
        )
    programs = (
        _programs(f"terraform-credentials-{name}", folder / "plugins", machine) if folder else ()
    )
    return Helper(name, programs, tuple(arguments), file)


def _programs(program: str, plugins: Path, machine: Machine) -> tuple[Path, ...]:
    """Return where a helper may be, the newest version first."""
    folders = (plugins, plugins / machine.system)
    found: list[tuple[tuple[tuple[int, ...], bool], Path]] = []
    for folder in folders:
        for file in machine.names_in(folder):
            version = _VERSION.fullmatch(file.removeprefix(program))
            if version and file.startswith(program):
                numbers = tuple(map(int, (version[1] or "0").split(".")))
                found.append(((numbers, not version[2]), folder / file))
    found.sort(key=lambda one: one[0], reverse=True)
    plain = (folder / program for folder in folders)
    return tuple(dict.fromkeys([*(path for _, path in found), *plain]))
