"""Finds out what is meant by an option or a command that bulkops doesn't have."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, TypeVar

import click

from bulkops.cli.meant.advice import COMMANDS, IN_GROUPS, OPTIONS, SYNONYMS

Value = TypeVar("Value")


class Meant(click.ClickException):
    """A command line with a word that bulkops calls otherwise: one sentence, exit 2."""

    exit_code = 2


class Place(NamedTuple):
    """Where an option was given.

    Attributes:
        command: the command's words, without the program's name.
        options: long names of the options that are allowed there.
        elsewhere: long names of options that are not allowed there → where they are.
    """

    command: str
    options: Collection[str]
    elsewhere: Mapping[str, str]


class Command(click.Command):
    """A command that says what is meant by an option that it doesn't have."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments.

        Raises:
            Meant: an option is known by another name.
            click.NoSuchOption: it is not.
        """
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            command = path_of(ctx)
            before = {
                name: f"it goes before the command: `bulkops {name} {command}`"
                for name in options_of(ctx.find_root().command)
            }
            check_option(given, error.option_name, Place(command, options_of(self), before))
            raise


def check_option(args: Sequence[str], refused: str, place: Place) -> None:
    """Raise ``Meant`` if the option that click refused is known by another name.

    Args:
        refused: as click names it; if ``-json`` was given, it is ``-j``.
    """
    single = not refused.startswith("--")
    for arg in args:
        name = arg.partition("=")[0]
        if arg == "--":
            return
        one_dash = name.startswith("-") and not name.startswith("--")
        if name == refused or (single and one_dash and refused[1:] in name):
            words = _meant_by(name, place)
            if words:
                raise Meant(f"No option {name}: {words}.")


def check_command(group: str, name: str, commands: Collection[str]) -> None:
    """Raise ``Meant`` if a command that a group doesn't have is known by another name.

    Args:
        group: its words, without the program's name.
        commands: names of those it has.
    """
    if not group:
        words = _entry(COMMANDS, name)
    else:
        other = next((word for word in SYNONYMS.get(name, ()) if word in commands), None)
        words = IN_GROUPS.get(f"{group} {name}") or (other and f"use `bulkops {group} {other}`")
    if words:
        raise Meant(f"No command {' '.join((group, name)).strip()}: {words}.")


def _meant_by(name: str, place: Place) -> str | None:
    bare = name.lstrip("-").lower().replace("_", "-")
    long = f"--{bare}"
    if long in place.options:
        return f"options have two dashes here, so {long}"
    if long in place.elsewhere:
        return place.elsewhere[long]
    options = {*place.options, *place.elsewhere}
    for advice in _entry(OPTIONS, bare) or ():
        if advice.holds(place.command, options):
            return advice.words.format(place.command)
    return None


def _entry(table: Mapping[str, Value], word: str) -> Value | None:
    return next((value for words, value in table.items() if word in words.split()), None)


def options_of(command: click.Command) -> set[str]:
    """Return the long names of a command's options."""
    names = (name for param in command.params for name in (*param.opts, *param.secondary_opts))
    return {"--help", *(name for name in names if name.startswith("--"))}


def path_of(ctx: click.Context) -> str:
    """Return a command's words, without the program's name."""
    return f"{path_of(ctx.parent)} {ctx.info_name}".strip() if ctx.parent else ""
