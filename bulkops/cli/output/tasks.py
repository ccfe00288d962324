"""Run tasks, printed for people or as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from bulkops import events
from bulkops.api.resources import GlobalConfiguration, RunTask
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.printing import note
from bulkops.cli.output.tables import print_fields, print_table
from bulkops.text import counted


def print_run_tasks(tasks: Sequence[RunTask], *, as_json: bool) -> None:
    """Print a table, or one JSON object per run task."""
    if as_json:
        for task in tasks:
            print_json(events.RunTask.of(task))
        return
    rows = (
        (t.name, t.id, _enabled(t), _global(t), str(len(t.workspace_task_ids)), t.url)
        for t in tasks
    )
    print_table(("NAME", "ID", "ENABLED", "GLOBAL", "ATTACHED", "URL"), rows)


def print_run_task(task: RunTask, *, as_json: bool) -> None:
    """Print one field per line, or one JSON object."""
    if as_json:
        print_json(events.RunTask.of(task))
        return
    attached = ", ".join(
        f"{one.workspace_name or one.workspace_id} "
        f"({one.enforcement_level}, {'+'.join(one.stages)})"
        for one in task.workspace_tasks
    )
    print_fields(
        (
            ("name", task.name),
            ("id", task.id),
            ("url", task.url),
            ("description", task.description or ""),
            ("enabled", _enabled(task)),
            ("global", _global(task)),
            ("agent pool", task.agent_pool_id or ""),
            ("attached", attached or counted(len(task.workspace_task_ids), "workspace")),
        )
    )


def warn_if_ignored(spec: GlobalConfiguration | None, task: RunTask) -> None:
    """Warn if the server answered 201 but dropped the global configuration."""
    if spec is None or _is_applied(task.global_configuration, spec):
        return
    note(
        f"Warning: the server ignored the global configuration (it shows: {_global(task)}). "
        "Is the organization entitled to global run tasks?"
    )


def called(task: RunTask) -> str:
    """Return a run task's name and id."""
    return f"{task.name} ({task.id})"


def _is_applied(shown: GlobalConfiguration | None, spec: GlobalConfiguration) -> bool:
    if not spec.enabled:
        return shown is None or not shown.enabled
    return (
        shown is not None
        and (shown.enabled, shown.enforcement_level) == (spec.enabled, spec.enforcement_level)
        and set(shown.stages) == set(spec.stages)
    )


def _enabled(task: RunTask) -> str:
    return {True: "yes", False: "no", None: "unknown"}[task.enabled]


def _global(task: RunTask) -> str:
    configuration = task.global_configuration
    if configuration is None or not configuration.enabled:
        return "no"
    return f"{configuration.enforcement_level}, {'+'.join(configuration.stages)}"
