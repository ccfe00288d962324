"""Groups of commands that cost nothing until one of them is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup


class OnDemand(TyperGroup):
    """A group whose commands are in the module that has its name, as ``app``."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands' names."""
        self._load()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command, ``None`` where there is none of this name."""
        self._load()
        return super().get_command(ctx, cmd_name)

    def _load(self) -> None:
        if not self.commands and self.name:
            module = import_module(f"bulkops.cli.commands.{self.name.replace('-', '_')}")
            self.commands = typer.main.get_group(module.app).commands
