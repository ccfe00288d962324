"""``bulkops workspace-task …``: list and change the run tasks of one workspace."""

from __future__ import annotations

import click

from bulkops import events
from bulkops.api.resources import EnforcementLevel, WorkspaceTask
from bulkops.cli.lookup import find_run_task, find_workspace, find_workspace_task, run_task_names
from bulkops.cli.options import IN_ORGANIZATION, YES, Server, command
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.printing import print_text
from bulkops.cli.output.tables import print_fields, print_table
from bulkops.cli.session import confirm, connect, only_reading, run
from bulkops.cli.single_write import single_write
from bulkops.cli.task_options import LEVEL, check_echo, stages_for
from bulkops.client.api import Client
from bulkops.errors import JobError

WORKSPACE = click.Argument(["workspace"], help="Name or ws-… id of the workspace.")
RUN_TASK = click.Argument(["task"], help="Name or task-… id of the run task.")
TASK = click.Argument(["task"], help="Name or task-… id of the run task, or a wstask-… id.")
STAGES = click.Option(
    ["--stages"],
    metavar="STAGE,…",
    help="When it runs: pre_plan, post_plan, pre_apply, post_apply, comma-separated.",
)


@command(WORKSPACE, *IN_ORGANIZATION)
def list_workspace_tasks(
    *,
    workspace: str,
    organization: str | None,
    server: Server,
    json: bool,
) -> None:
    """List the run tasks attached to a workspace.

    \b
    Examples:
      bulkops workspace-task list prod-app
      bulkops workspace-task list ws-SihZTyXKfNXUWuUa --json
    """

    async def work(client: Client) -> tuple[list[WorkspaceTask], dict[str, str]]:
        found = await find_workspace(client, organization, workspace)
        attached = [one.on(found) for one in await client.workspace_tasks.list(found.id)]
        return attached, await run_task_names(client, organization) if attached else {}

    attached, names = run(connect(server), work)
    if json:
        for one in attached:
            print_json(events.WorkspaceTask.of(one, names.get(one.task_id)))
        return
    print_table(
        ("ID", "RUN TASK", "LEVEL", "STAGES"),
        (
            (t.id, names.get(t.task_id, t.task_id), t.enforcement_level, ",".join(t.stages))
            for t in attached
        ),
    )


@command(WORKSPACE, TASK, *IN_ORGANIZATION)
def show(
    *,
    workspace: str,
    task: str,
    organization: str | None,
    server: Server,
    json: bool,
) -> None:
    """Show how a run task is attached to a workspace.

    \b
    Examples:
      bulkops workspace-task show prod-app lint
      bulkops workspace-task show prod-app wstask-tBXYu8GVAFBpcmPm --json
    """

    async def work(client: Client) -> WorkspaceTask:
        found = await find_workspace(client, organization, workspace)
        return await find_workspace_task(client, organization, found, task)

    client = connect(server)
    _print_one(run(client, work), as_json=json)


@command(
    WORKSPACE,
    RUN_TASK,
    click.Option(
        ["--enforcement-level"],
        type=LEVEL,
        required=True,
        help="With mandatory, a failed task stops the run.",
    ),
    STAGES,
    *IN_ORGANIZATION,
)
def attach(
    *,
    workspace: str,
    task: str,
    enforcement_level: EnforcementLevel,
    stages: str | None,
    organization: str | None,
    server: Server,
    json: bool,
) -> None:
    """Attach a run task to one workspace.

    For many workspaces, write a job file and run bulkops apply.

    \b
    Examples:
      bulkops workspace-task attach prod-app lint --enforcement-level advisory
      bulkops workspace-task attach prod-app lint --enforcement-level=mandatory \\
          --stages=post_plan,pre_apply
    """

    async def work(client: Client) -> WorkspaceTask:
        requested = stages_for(await client.ping(), stages)
        place = await find_workspace(client, organization, workspace)
        run_task = await find_run_task(client, organization, task)
        with single_write("workspace-task", "list", place.id):
            attached = await client.workspace_tasks.attach(
                place.id, run_task.id, enforcement_level, stages=requested.many, stage=requested.one
            )
        check_echo(enforcement_level, requested, attached)
        return attached.on(place)

    client = connect(server)
    _print_one(run(client, work), as_json=json)


@command(
    WORKSPACE,
    TASK,
    click.Option(
        ["--enforcement-level"], type=LEVEL, help="With mandatory, a failed task stops the run."
    ),
    STAGES,
    YES,
    *IN_ORGANIZATION,
)
def update(
    *,
    workspace: str,
    task: str,
    enforcement_level: EnforcementLevel | None,
    stages: str | None,
    yes: bool,
    organization: str | None,
    server: Server,
    json: bool,
) -> None:
    """Change how a run task is attached to one workspace.

    Changes only what an option names.

    \b
    Examples:
      bulkops workspace-task update prod-app lint --enforcement-level mandatory
      bulkops workspace-task update prod-app lint --stages pre_apply --yes
    """
    if enforcement_level is None and stages is None:
        raise JobError("nothing to change. Add --enforcement-level or --stages")

    async def work(client: Client) -> WorkspaceTask:
        requested = stages_for(await client.ping(), stages)
        place = await find_workspace(client, organization, workspace)
        before = await find_workspace_task(client, organization, place, task)
        with only_reading():
            confirm(f"Update run task {task} ({before.id}) of {place.name}?", yes=yes)
        with single_write("workspace-task", "show", place.id, before.id):
            updated = await client.workspace_tasks.update(
                place.id,
                before.id,
                enforcement_level=enforcement_level,
                stages=requested.many,
                stage=requested.one,
            )
        check_echo(enforcement_level, requested, updated)
        return updated.on(place)

    client = connect(server)
    _print_one(run(client, work), as_json=json)


@command(WORKSPACE, TASK, YES, *IN_ORGANIZATION)
def detach(
    *,
    workspace: str,
    task: str,
    yes: bool,
    organization: str | None,
    server: Server,
    json: bool,
) -> None:
    """Detach a run task from one workspace.

    The run task itself remains.

    \b
    Examples:
      bulkops workspace-task detach prod-app lint
      bulkops workspace-task detach prod-app wstask-tBXYu8GVAFBpcmPm --yes
    """

    async def work(client: Client) -> WorkspaceTask:
        place = await find_workspace(client, organization, workspace)
        attached = await find_workspace_task(client, organization, place, task)
        with only_reading():
            confirm(f"Detach run task {task} ({attached.id}) from {place.name}?", yes=yes)
        with single_write("workspace-task", "list", place.id):
            await client.workspace_tasks.detach(place.id, attached.id)
        return attached

    detached = run(connect(server), work)
    if json:
        print_json(
            events.Detached(
                id=detached.id,
                workspace_id=detached.workspace_id,
                project=detached.project or "",
                task_id=detached.task_id,
            )
        )
    else:
        print_text(f"detached {task} ({detached.id}) from {workspace}")


def _print_one(attached: WorkspaceTask, *, as_json: bool) -> None:
    if as_json:
        print_json(events.WorkspaceTask.of(attached))
        return
    print_fields(
        (
            ("id", attached.id),
            ("workspace", attached.workspace_id),
            ("run task", attached.task_id),
            ("level", attached.enforcement_level),
            ("stages", ",".join(attached.stages)),
        )
    )
