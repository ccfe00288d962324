"""An attach with pytfe, HashiCorp's own Python client."""

from __future__ import annotations

from pytfe import TFEClient
from pytfe.models import RunTask, WorkspaceRunTaskCreateOptions
from pytfe.models.run_task import Stage, TaskEnforcementLevel


def attach(client: TFEClient, workspace: str, task: str) -> None:
    """Attach a run task with pytfe."""
    wanted = {
        "enforcement-level": TaskEnforcementLevel.MANDATORY,
        "task": RunTask.model_construct(id=task),
        "stages": [Stage.POST_PLAN],
    }
    options = WorkspaceRunTaskCreateOptions.model_validate(wanted)
    client.workspace_run_tasks.create(workspace, options)
