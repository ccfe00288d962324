"""Which module each command is in: it is imported when the command runs, and no sooner.

That keeps the start quick, ``--help`` included, so that every module may import at its top.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click


class Group(click.Group):
    """A group that lists its commands in the order given."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands' names."""
        return list(self.commands)


class OnDemand(click.Command):
    """Stands for a command whose module is imported when it is called.

    Args:
        name: as it is called.
        place: ``module:attribute`` below ``bulkops.cli.commands``.
        sentence: the first one of its help.
    """

    def __init__(self, name: str, place: str, sentence: str) -> None:
        super().__init__(name, short_help=sentence)
        self._place = place

    def load(self) -> click.Command:
        """Return the command itself."""
        module, _, attribute = self._place.partition(":")
        loaded: click.Command = getattr(import_module(f"bulkops.cli.commands.{module}"), attribute)
        return loaded

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Return the command's own context; whatever click does next, it does with that."""
        return self.load().make_context(info_name, args, parent, **extra)


COMMANDS: tuple[click.Command, ...] = (
    OnDemand(
        "workspaces",
        "workspaces:workspaces",
        "Show which workspaces a job selects, and change nothing.",
    ),
    OnDemand("plan", "plan:plan", "Show what a job would change, and change nothing."),
    OnDemand("apply", "apply:apply", "Carry a job out, or on where its journal stops."),
    OnDemand("resume", "apply:resume", "Go on where a journal stops."),
    OnDemand("undo", "apply:undo", "Take back what a job did, where it still stands."),
    OnDemand("verify", "verify:verify", "Ask the server whether all is still as a job made it."),
    OnDemand("status", "journal:status", "Say where a journal's job stands; sends no request."),
    OnDemand(
        "watch", "journal:watch", "Show a job live that another process runs; sends no request."
    ),
    OnDemand("report", "report:report", "Report a journal, finished or not; sends no request."),
    OnDemand("coverage", "coverage:coverage", "Show which workspaces have which run tasks."),
    OnDemand("check", "check:check", "Say what a job file is, or what is wrong with it."),
    OnDemand("schema", "schema:schema", "Print a JSON Schema, for editors and programs."),
    Group(
        "journal",
        [
            OnDemand("check", "journal:check", "Say what is in a journal and whether it is sound."),
            OnDemand(
                "repair",
                "repair:repair",
                "Keep what is sound of a damaged journal, the rest aside.",
            ),
        ],
        help="Look at a journal's file itself.",
    ),
    Group(
        "task",
        [
            OnDemand("list", "task:list_tasks", "List the run tasks of an organization."),
            OnDemand("show", "task:show", "Show one run task."),
            OnDemand("create", "task:create", "Create a run task; it is attached nowhere yet."),
            OnDemand(
                "update", "task:update", "Change what is given of a run task; the rest stays."
            ),
            OnDemand("delete", "task:delete", "Delete a run task that is attached nowhere."),
        ],
        help="List, show, create, update and delete run tasks.",
    ),
    Group(
        "workspace-task",
        [
            OnDemand(
                "list",
                "workspace_task:list_workspace_tasks",
                "List the run tasks attached to a workspace.",
            ),
            OnDemand(
                "show", "workspace_task:show", "Show how one run task is attached to a workspace."
            ),
            OnDemand("attach", "workspace_task:attach", "Attach a run task to one workspace."),
            OnDemand(
                "update",
                "workspace_task:update",
                "Change how a run task is attached to one workspace.",
            ),
            OnDemand(
                "detach",
                "workspace_task:detach",
                "Detach a run task from one workspace; the run task itself stays.",
            ),
        ],
        help="List and change the run tasks of one workspace.",
    ),
    OnDemand(
        "simulate",
        "simulate:simulate",
        "Serve a local copy of the API to rehearse a rollout on.",
    ),
    OnDemand("demo", "demo:demo", "Watch a simulated rollout be killed and go on."),
)
"""All commands, in the order in which ``--help`` lists them."""
