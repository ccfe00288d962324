"""``bulkops workspace-task …``: the run tasks attached to one workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bulkops.api.resources import EnforcementLevel, WorkspaceTask
from bulkops.cli.options import Address, CaFile, InsecureHttp, Json, Organization, Yes
from bulkops.cli.output.printing import print_json, print_text
from bulkops.cli.output.tables import print_fields, print_table
from bulkops.cli.session import confirm, connect, run
from bulkops.cli.single_write import single_write
from bulkops.cli.stages import check_echo, stages_for
from bulkops.errors import JobError

if TYPE_CHECKING:
    from bulkops.client.api import Client

app = typer.Typer(rich_markup_mode=None)

WorkspaceNamed = Annotated[
    str, typer.Argument(metavar="WORKSPACE", help="Name or ws-… id of the workspace.")
]
RunTaskNamed = Annotated[
    str, typer.Argument(metavar="TASK", help="Name or task-… id of the run task.")
]
TaskNamed = Annotated[
    str,
    typer.Argument(metavar="TASK", help="Name or task-… id of the run task, or a wstask-… id."),
]
Stages = Annotated[
    str | None,
    typer.Option(
        metavar="STAGE,…",
        help="When in a run it is called, of pre_plan, post_plan, pre_apply, post_apply.",
        show_default=False,
    ),
]


@app.command("list")
def list_workspace_tasks(
    workspace: WorkspaceNamed,
    *,
    organization: Organization = None,
    address: Address = None,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
    as_json: Json = False,
) -> None:
    """List the run tasks attached to a workspace.

    \b
    Examples:
      bulkops workspace-task list prod-app
      bulkops workspace-task list ws-SihZTyXKfNXUWuUa --json
    """
    from bulkops.cli.lookup import find_workspace, run_task_names

    async def work(client: Client) -> tuple[list[WorkspaceTask], dict[str, str]]:
        found = await find_workspace(client, organization, workspace)
        attached = await client.workspace_tasks.list(found.id)
        return attached, await run_task_names(client, organization) if attached else {}

    attached, names = run(connect(address, ca_file, insecure_http=insecure_http), work)
    if as_json:
        from bulkops import events

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


@app.command()
def show(
    workspace: WorkspaceNamed,
    task: TaskNamed,
    *,
    organization: Organization = None,
    address: Address = None,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
    as_json: Json = False,
) -> None:
    """Show how one run task is attached to a workspace.

    \b
    Examples:
      bulkops workspace-task show prod-app lint
      bulkops workspace-task show prod-app wstask-tBXYu8GVAFBpcmPm --json
    """
    from bulkops.cli.lookup import find_workspace, find_workspace_task

    async def work(client: Client) -> WorkspaceTask:
        found = await find_workspace(client, organization, workspace)
        return await find_workspace_task(client, organization, found, task)

    client = connect(address, ca_file, insecure_http=insecure_http)
    _print_one(run(client, work), as_json=as_json)


@app.command()
def attach(
    workspace: WorkspaceNamed,
    task: RunTaskNamed,
    *,
    enforcement_level: Annotated[
        EnforcementLevel, typer.Option(help="Whether a failed task stops the run.")
    ],
    stages: Stages = None,
    organization: Organization = None,
    address: Address = None,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
    as_json: Json = False,
) -> None:
    """Attach a run task to one workspace.

    For many at once, write a job and use bulkops apply.

    \b
    Examples:
      bulkops workspace-task attach prod-app lint --enforcement-level advisory
      bulkops workspace-task attach prod-app lint --enforcement-level=mandatory \\
          --stages=post_plan,pre_apply
    """
    from bulkops.cli.lookup import find_run_task, find_workspace

    async def work(client: Client) -> WorkspaceTask:
        asked = stages_for(await client.ping(), stages)
        place = await find_workspace(client, organization, workspace)
        run_task = await find_run_task(client, organization, task)
        with single_write("workspace-task", "list", place.id):
            attached = await client.workspace_tasks.attach(
                place.id, run_task.id, enforcement_level, stages=asked.many, stage=asked.one
            )
        check_echo(enforcement_level, asked, attached)
        return attached

    client = connect(address, ca_file, insecure_http=insecure_http)
    _print_one(run(client, work), as_json=as_json)


@app.command()
def update(
    workspace: WorkspaceNamed,
    task: TaskNamed,
    *,
    enforcement_level: Annotated[
        EnforcementLevel | None, typer.Option(help="Whether a failed task stops the run.")
    ] = None,
    stages: Stages = None,
    yes: Yes = False,
    organization: Organization = None,
    address: Address = None,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
    as_json: Json = False,
) -> None:
    """Change how a run task is attached to one workspace.

    What is not given stays.

    \b
    Examples:
      bulkops workspace-task update prod-app lint --enforcement-level mandatory
      bulkops workspace-task update prod-app lint --stages pre_apply --yes
    """
    from bulkops.cli.lookup import find_workspace, find_workspace_task

    if enforcement_level is None and stages is None:
        raise JobError("nothing to change: say --enforcement-level or --stages")

    async def work(client: Client) -> WorkspaceTask:
        asked = stages_for(await client.ping(), stages)
        place = await find_workspace(client, organization, workspace)
        before = await find_workspace_task(client, organization, place, task)
        confirm(f"Update run task {task} ({before.id}) of {place.name}?", yes=yes)
        with single_write("workspace-task", "show", place.id, before.id):
            updated = await client.workspace_tasks.update(
                place.id,
                before.id,
                enforcement_level=enforcement_level,
                stages=asked.many,
                stage=asked.one,
            )
        check_echo(enforcement_level, asked, updated)
        return updated

    client = connect(address, ca_file, insecure_http=insecure_http)
    _print_one(run(client, work), as_json=as_json)


@app.command()
def detach(
    workspace: WorkspaceNamed,
    task: TaskNamed,
    *,
    yes: Yes = False,
    organization: Organization = None,
    address: Address = None,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
    as_json: Json = False,
) -> None:
    """Detach a run task from one workspace; the run task itself stays.

    \b
    Examples:
      bulkops workspace-task detach prod-app lint
      bulkops workspace-task detach prod-app wstask-tBXYu8GVAFBpcmPm --yes
    """
    from bulkops.cli.lookup import find_workspace, find_workspace_task

    async def work(client: Client) -> WorkspaceTask:
        place = await find_workspace(client, organization, workspace)
        attached = await find_workspace_task(client, organization, place, task)
        confirm(f"Detach run task {task} ({attached.id}) from {place.name}?", yes=yes)
        with single_write("workspace-task", "list", place.id):
            await client.workspace_tasks.detach(place.id, attached.id)
        return attached

    detached = run(connect(address, ca_file, insecure_http=insecure_http), work)
    if as_json:
        from bulkops import events

        print_json(
            events.Detached(
                id=detached.id, workspace_id=detached.workspace_id, task_id=detached.task_id
            )
        )
    else:
        print_text(f"detached {task} ({detached.id}) from {workspace}")


def _print_one(attached: WorkspaceTask, *, as_json: bool) -> None:
    if as_json:
        from bulkops import events

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
