"""``--install-completion`` and ``--show-completion``: install or print click's completion."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import click
import shellingham
from click.shell_completion import get_completion_class

from bulkops.cli.output.printing import print_text
from bulkops.errors import BulkopsError
from bulkops.files import open_output, read_text

PROGRAM = "bulkops"

MOST_OF_SETTINGS = 16 << 20
"""Bytes of a shell's settings file."""


class _Home(NamedTuple):
    """Where a shell looks for completion, below the user's home.

    Attributes:
        script: the completion script's path.
        settings: the file that a new shell reads; empty if it needs no line.
        line: the line that sources the script.
    """

    script: str
    settings: str = ""
    line: str = ""


_HOMES = {
    "bash": _Home(
        f".bash_completions/{PROGRAM}.sh",
        ".bashrc",
        f'source "$HOME/.bash_completions/{PROGRAM}.sh"',
    ),
    # Sourced: if zsh autoloads the function, it completes only every other time.
    "zsh": _Home(
        f".zfunc/_{PROGRAM}",
        ".zshrc",
        f'autoload -Uz compinit; compinit; source "$HOME/.zfunc/_{PROGRAM}"',
    ),
    "fish": _Home(f".config/fish/completions/{PROGRAM}.fish"),
}


def install(ctx: click.Context) -> None:
    """Install completion for the shell that runs this.

    Raises:
        BulkopsError: there is none for this shell, or a file can't be written.
    """
    shell, script = _script(ctx)
    home = _HOMES[shell]
    place = Path.home() / home.script
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _write(place, script)
        if home.settings:
            _add_line(Path.home() / home.settings, home.line)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BulkopsError(f"completion for {shell} can't be installed: {reason}") from error
    print_text(f"{shell} completion installed in {place}", "It works in the next shell you start.")


def show(ctx: click.Context) -> None:
    """Print the completion script for the shell that runs this; raises as ``install``."""
    print_text(*_script(ctx)[1].splitlines())


def _script(ctx: click.Context) -> tuple[str, str]:
    """Return the name of the shell that runs this, and its completion script."""
    try:
        shell = shellingham.detect_shell()[0]
    except shellingham.ShellDetectionFailure:
        shell = "this shell"
    completion = get_completion_class(shell)
    if shell not in _HOMES or completion is None:
        raise BulkopsError(f"no completion for {shell}: only for {', '.join(_HOMES)}")
    complete = completion(ctx.find_root().command, {}, PROGRAM, f"_{PROGRAM.upper()}_COMPLETE")
    return shell, complete.source()


def _add_line(settings: Path, line: str) -> None:
    text = read_text(settings, MOST_OF_SETTINGS) if settings.exists() else ""
    if line not in text:
        between = "" if text.endswith("\n") or not text else "\n"
        _write(settings, f"{between}{line}\n", append=True)


def _write(path: Path, text: str, *, append: bool = False) -> None:
    with os.fdopen(open_output(path, append=append), "ab" if append else "wb") as file:
        file.write(text.encode())
