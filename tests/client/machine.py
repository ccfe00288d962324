"""A machine whose files and programs are given, for what looks for credentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


class GivenMachine:
    """Has these files and programs, and records what is read and run.

    Args:
        programs: path → what it prints.
    """

    system = "linux_amd64"

    def __init__(
        self,
        files: Mapping[Path, str] | None = None,
        programs: Mapping[Path, str] | None = None,
    ) -> None:
        self.files = dict(files or {})
        self.programs = dict(programs or {})
        self.read: list[Path] = []
        self.run: list[tuple[str, ...]] = []

    def read_text(self, path: Path) -> str | None:
        """Return the text that was given."""
        self.read.append(path)
        return self.files.get(path)

    def names_in(self, folder: Path) -> list[str]:
        """Return the names of what was given in this folder, in no useful order."""
        there = (path.name for path in (*self.files, *self.programs) if path.parent == folder)
        return sorted(there, reverse=True)

    def answer_of(self, program: Path, arguments: Sequence[str]) -> str | None:
        """Return the answer that was given."""
        if program in self.programs:
            self.run.append((program.name, *arguments))
        return self.programs.get(program)
