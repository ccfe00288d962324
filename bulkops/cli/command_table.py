"""All commands, each with the module that is imported when it runs.

No command waits for another's imports, and ``--help`` waits for none, so every module may import
at its top.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from bulkops.cli.meant.check import Place, check_command, check_option, options_of, path_of


class Group(click.Group):
    """A group that lists its commands in the order given."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands' names."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is called; raises ``Meant`` if it has another name."""
        if not ctx.resilient_parsing and args[0] not in self.commands:
            check_command(path_of(ctx), args[0], self.commands)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options before the command; raises ``Meant`` as ``Command`` does."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            called, options = self.called(given)
            command = f"{path_of(ctx)} {called}".strip() if called else ""
            after = {
                name: f"it goes after the command: `bulkops {command} {name}`" for name in options
            }
            check_option(given, error.option_name, Place(command, options_of(self), after))
            raise

    def called(self, args: Sequence[str]) -> tuple[str, set[str]]:
        """Return the words and the options of the command in the arguments; empty if none is."""
        for number, name in enumerate(args):
            match self.commands.get(name):
                case Group() as group:
                    words, options = group.called(args[number + 1 :])
                    return f"{name} {words}".strip(), options
                case OnDemand() as command:
                    return name, options_of(command.load())
                case _:
                    pass
        return "", set()


class OnDemand(click.Command):
    """A placeholder for a command, which imports the command's module when it is called.

    Args:
        name: the word that calls it.
        place: ``module:attribute`` below ``bulkops.cli.commands``.
        sentence: the first sentence of its help.
    """

    def __init__(self, name: str, place: str, sentence: str) -> None:
        super().__init__(name, short_help=sentence)
        self._place = place

    def load(self) -> click.Command:
        """Return the command itself."""
        place, _, attribute = self._place.partition(":")
        name = f"bulkops.cli.commands.{place}"
        is_new = name not in sys.modules
        loaded: click.Command = getattr(import_module(name), attribute)
        if is_new:
            # A full garbage collection would traverse all modules, and stop a rollout for up to
            # 90 ms (measured): its requests would then leave in a burst, and get 429s.
            gc.freeze()
        return loaded

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Return the context of the command itself, with which click continues."""
        return self.load().make_context(info_name, args, parent, **extra)


COMMANDS: tuple[click.Command, ...] = (
    OnDemand(
        "workspaces",
        "workspaces:workspaces",
        "Show which workspaces a job selects.",
    ),
    OnDemand("plan", "plan:plan", "Show what an apply would change."),
    OnDemand("apply", "apply:apply", "Run a job, or resume it from its journal."),
    OnDemand("resume", "apply:resume", "Resume a job from its journal."),
    OnDemand("undo", "apply:undo", "Undo what a job did."),
    OnDemand("verify", "verify:verify", "Check for drift against a journal."),
    OnDemand("status", "journal:status", "Show how far a job is, from its journal."),
    OnDemand("watch", "journal:watch", "Show a running job live, from its journal."),
    OnDemand("report", "report:report", "Report what a job did, from its journal."),
    OnDemand("coverage", "coverage:coverage", "Show which workspaces have which run tasks."),
    OnDemand("check", "check:check", "Check a job or fleet file without sending a request."),
    OnDemand("schema", "schema:schema", "Print a JSON Schema, for editors and programs."),
    Group(
        "fleet",
        [
            OnDemand(
                "plan",
                "fleet.plan:plan",
                "Show what an apply would change in each organization of a fleet.",
            ),
            OnDemand(
                "apply",
                "fleet.apply:apply",
                "Run a job in each organization of a fleet, or resume it from the journals.",
            ),
            OnDemand("watch", "fleet.watch:watch", "Show a running fleet live, from its journals."),
            OnDemand(
                "status", "fleet.journals:status", "Show how far a fleet is, from its journals."
            ),
            OnDemand(
                "verify",
                "fleet.verify:verify",
                "Check for drift in all organizations of a fleet.",
            ),
            OnDemand(
                "report", "fleet.journals:report", "Report what a fleet did, from its journals."
            ),
            OnDemand("undo", "fleet.undo:undo", "Undo what a fleet did."),
        ],
        help="Run one job in many organizations.\n\nTo check a fleet file, use bulkops check.\n\n"
        "\b\nExamples:\n  bulkops check fleet.toml\n  bulkops fleet plan fleet.toml\n"
        "  bulkops fleet apply fleet.toml",
    ),
    Group(
        "journal",
        [
            OnDemand("list", "journal:list_journals", "List the journals of the default place."),
            OnDemand("check", "journal:check", "Check whether a journal is sound."),
            OnDemand("repair", "upkeep:repair", "Cut the damaged part off a journal."),
            OnDemand("copy", "upkeep:copy", "Copy a journal to a file or into object storage."),
        ],
        help="List, check, repair or copy journals.",
    ),
    Group(
        "task",
        [
            OnDemand("list", "task:list_tasks", "List an organization's run tasks."),
            OnDemand("show", "task:show", "Show one run task."),
            OnDemand("create", "task:create", "Create a run task."),
            OnDemand("update", "task:update", "Change a run task."),
            OnDemand("delete", "task:delete", "Delete a run task that no workspace uses."),
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
                "show", "workspace_task:show", "Show how a run task is attached to a workspace."
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
                "Detach a run task from one workspace.",
            ),
        ],
        help="List and change the run tasks of one workspace.",
    ),
    OnDemand(
        "simulate",
        "simulate:simulate",
        "Serve simulated organizations to rehearse on.",
    ),
    OnDemand("demo", "demo.start:demo", "Watch a simulated rollout get killed and resume."),
)
"""All commands, in the order in which ``--help`` lists them."""
