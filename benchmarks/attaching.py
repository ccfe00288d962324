"""Attaches a run task with pytfe, HashiCorp's Python client."""

from __future__ import annotations

from pytfe import TFEClient
from pytfe.models import RunTask, WorkspaceRunTaskCreateOptions
from pytfe.models.run_task import Stage, TaskEnforcementLevel

from bulkops.operations.model import Operation
from bulkops.plan.model import Plan


def attach(client: TFEClient, plan: Plan, operation: Operation) -> None:
    """Attach the plan's run task to the operation's workspace with pytfe."""
    assert plan.resolved.task is not None  # noqa: S101 - the plan only has attaches
    desired = {
        "enforcement-level": TaskEnforcementLevel.MANDATORY,
        "task": RunTask.model_construct(id=plan.resolved.task.id),
        "stages": [Stage.POST_PLAN],
    }
    options = WorkspaceRunTaskCreateOptions.model_validate(desired)
    client.workspace_run_tasks.create(operation.target.id, options)
