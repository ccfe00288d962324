"""``bulkops task …``: list, show, create, update and delete run tasks."""

from __future__ import annotations

import click
import msgspec
from msgspec import UnsetType

from bulkops import events
from bulkops.api.endpoints import Include, RunTaskChange
from bulkops.api.resources import GlobalConfiguration, RunTask
from bulkops.cli.lookup import find_run_task, with_project_names
from bulkops.cli.options import IN_ORGANIZATION, YES, Server, command
from bulkops.cli.output.json_lines import print_json
from bulkops.cli.output.printing import print_text
from bulkops.cli.output.tasks import called, print_run_task, print_run_tasks, warn_if_ignored
from bulkops.cli.session import confirm, connect, only_reading, organization_named, run
from bulkops.cli.single_write import single_write
from bulkops.cli.task_options import (
    AGENT_POOL,
    DESCRIPTION,
    EVERYWHERE,
    EVERYWHERE_OR_NOT,
    HMAC_KEY,
    INCLUDE,
    NAMED,
    Everywhere,
    given,
    global_of,
)
from bulkops.client.api import Client
from bulkops.errors import JobError


@command(INCLUDE, *IN_ORGANIZATION)
def list_tasks(
    *,
    include: Include | None,
    organization: str | None,
    server: Server,
    json: bool,
) -> None:
    """List an organization's run tasks.

    \b
    Examples:
      bulkops task list
      bulkops task list --include workspace_tasks.workspace --json
    """
    named = organization_named(organization)

    async def work(client: Client) -> list[RunTask]:
        tasks = await client.run_tasks.list(named, (include,) if include else ())
        return await with_project_names(client, tasks)

    tasks = run(connect(server), work)
    print_run_tasks(tasks, as_json=json)


@command(NAMED, INCLUDE, *IN_ORGANIZATION)
def show(
    *,
    name_or_id: str,
    include: Include | None,
    organization: str | None,
    server: Server,
    json: bool,
) -> None:
    """Show one run task.

    \b
    Examples:
      bulkops task show security-scan
      bulkops task show task-7oD7doVTQdAFnMLV --include workspace_tasks --json
    """

    async def work(client: Client) -> RunTask:
        included = (include,) if include else ()
        task = await find_run_task(client, organization, name_or_id, included)
        (shown,) = await with_project_names(client, [task])
        return shown

    client = connect(server)
    print_run_task(run(client, work), as_json=json)


@command(
    click.Argument(["name"], help="Letters, digits, hyphens and underscores."),
    click.Option(
        ["--url"], required=True, metavar="URL", help="Its URL. The server calls it once as a test."
    ),
    DESCRIPTION,
    HMAC_KEY,
    click.Option(["--disabled"], is_flag=True, help="Create it disabled."),
    EVERYWHERE,
    AGENT_POOL,
    *IN_ORGANIZATION,
)
def create(
    *,
    name: str,
    url: str,
    description: str | None,
    hmac_key: str | UnsetType,
    disabled: bool,
    everywhere: Everywhere,
    agent_pool_id: str | None,
    organization: str | None,
    server: Server,
    json: bool,
) -> None:
    """Create a run task.

    Unless it is global, no workspace uses it until it is attached.

    \b
    Examples:
      bulkops task create lint --url https://lint.example/hook
      bulkops task create lint --url https://lint.example/hook --hmac-key-env KEY
    """
    named = organization_named(organization)
    spec = global_of(everywhere, GlobalConfiguration())
    change = RunTaskChange(
        name=name,
        url=url,
        description=given(description),
        hmac_key=hmac_key,
        enabled=not disabled,
        global_configuration=given(spec),
        agent_pool_id=given(agent_pool_id),
    )

    async def work(client: Client) -> RunTask:
        with single_write("task", "show", name):
            return await client.run_tasks.create(named, change)

    task = run(connect(server), work)
    print_run_task(task, as_json=json)
    warn_if_ignored(spec, task)


@command(
    NAMED,
    click.Option(["--name"], metavar="NAME", help="Its new name."),
    click.Option(["--url"], metavar="URL", help="Its new URL. The server calls it once as a test."),
    DESCRIPTION,
    HMAC_KEY,
    click.Option(["--remove-hmac-key"], is_flag=True, help="Stop signing requests."),
    click.Option(["--enabled/--disabled"], default=None, help="Enable or disable it."),
    EVERYWHERE_OR_NOT,
    AGENT_POOL,
    click.Option(["--no-agent-pool"], is_flag=True, help="Call its URL without agents."),
    YES,
    *IN_ORGANIZATION,
)
def update(
    *,
    name_or_id: str,
    name: str | None,
    url: str | None,
    description: str | None,
    hmac_key: str | UnsetType,
    remove_hmac_key: bool,
    enabled: bool | None,
    everywhere: Everywhere,
    agent_pool_id: str | None,
    no_agent_pool: bool,
    yes: bool,
    organization: str | None,
    server: Server,
    json: bool,
) -> None:
    """Change a run task.

    Changes only what an option names, for every workspace that uses the run task.

    \b
    Examples:
      bulkops task update security-scan --url https://scan.example/v2 --yes
      bulkops task update security-scan --disabled
    """
    if remove_hmac_key and hmac_key:
        raise JobError("--remove-hmac-key and a new key can't be used together. Choose one")
    if no_agent_pool and agent_pool_id:
        raise JobError("--no-agent-pool and --agent-pool-id can't be used together. Choose one")
    changes = RunTaskChange(
        name=given(name),
        url=given(url),
        description=given(description),
        hmac_key=None if remove_hmac_key else hmac_key,
        enabled=given(enabled),
        agent_pool_id=None if no_agent_pool else given(agent_pool_id),
    )

    async def work(client: Client) -> tuple[RunTask, GlobalConfiguration | None]:
        task = await find_run_task(client, organization, name_or_id)
        before = task.global_configuration or GlobalConfiguration()
        spec = global_of(everywhere, before)
        if spec is not None:
            task.known("global-configuration")
        change = msgspec.structs.replace(changes, global_configuration=given(spec))
        if change == RunTaskChange():
            raise JobError("nothing to change. Add an option such as --url or --disabled")
        with only_reading():
            confirm(f"Update run task {called(task)}?", yes=yes)
        with single_write("task", "show", task.id):
            return await client.run_tasks.update(task.id, change), spec

    task, spec = run(connect(server), work)
    print_run_task(task, as_json=json)
    warn_if_ignored(spec, task)


@command(NAMED, YES, *IN_ORGANIZATION)
def delete(
    *,
    name_or_id: str,
    yes: bool,
    organization: str | None,
    server: Server,
    json: bool,
) -> None:
    """Delete a run task that no workspace uses.

    The server refuses to delete one that is attached: a job of the kind task-delete detaches it
    everywhere first.

    \b
    Examples:
      bulkops task delete old-scan
      bulkops task delete task-7oD7doVTQdAFnMLV --yes
    """

    async def work(client: Client) -> RunTask:
        task = await find_run_task(client, organization, name_or_id)
        with only_reading():
            confirm(f"Delete run task {called(task)}?", yes=yes)
        with single_write("task", "show", task.id):
            await client.run_tasks.delete(task.id)
        return task

    task = run(connect(server), work)
    if json:
        print_json(events.Deleted(id=task.id, name=task.name))
    else:
        print_text(f"deleted {called(task)}")
