"""The types of the values of arguments and options: files, journals, numbers."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkops.errors import JobError
from bulkops.files import check_output

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from bulkops.journal.place import Place


class LocalFile(click.Path):
    """A file on this machine, which may be missing: what reads it reports that."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path; fails for an address, of which a path would have one slash."""
        text = os.fsdecode(value)
        if "://" in text:
            # The rest may contain a signature.
            scheme = text.partition("://")[0]
            self.fail(f"{scheme}://… is an address: only journals can be at one", param, ctx)
        return Path(text)


class Target(LocalFile):
    """A file to write, which must not be a journal, a saved plan or a job file."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path; fails if the file there is one of those."""
        path = super().convert(value, param, ctx)
        try:
            check_output(path)
        except JobError as problem:
            self.fail(str(problem), param, ctx)
        return path


class JournalPlace(click.ParamType["Place"]):
    """A journal: the path of a file, which may be missing, or an address in object storage."""

    name = "path"

    def convert(
        self, value: Any, _param: click.Parameter | None, _ctx: click.Context | None
    ) -> Place:
        """Return the place; raises ``JobError`` for an address that can't be one."""
        from bulkops.journal.place import place_of  # noqa: PLC0415 - few commands take a journal

        return place_of(os.fsdecode(value))

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Let the shell complete the path of a file."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only completion needs it

        return [CompletionItem(incomplete, type="file")]


PATH = LocalFile()
PLACE = JournalPlace()
TARGET = Target()


class WholeNumber(click.IntRange):
    """A whole number in a range."""

    name = "whole number"


class Seconds(click.FloatRange):
    """A finite number of seconds: ``nan`` passes any range check, and ``inf`` never ends."""

    name = "number of seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number; fails if it is not a finite one."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a {self.name}.", param, ctx)
        return number


AT_LEAST_1 = WholeNumber(min=1)
