"""``bulkops task …``: the organization's run tasks, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from bulkops.api.endpoints import RunTaskChange
from bulkops.api.resources import GlobalConfiguration, RunTask
from bulkops.cli.options import Address, CaFile, InsecureHttp, Json, Organization, Yes
from bulkops.cli.output.printing import print_json, print_text
from bulkops.cli.output.tasks import called, print_run_task, print_run_tasks, warn_if_ignored
from bulkops.cli.session import confirm, connect, organization_named, run
from bulkops.cli.single_write import single_write
from bulkops.cli.task_options import (
    AgentPool,
    Description,
    GlobalLevel,
    GlobalStages,
    HmacKeyEnv,
    HmacKeyFile,
    Include,
    Named,
    NoGlobal,
    given,
    global_of,
    hmac_key_of,
)
from bulkops.errors import JobError

if TYPE_CHECKING:
    from bulkops.client.api import Client

app = typer.Typer(rich_markup_mode=None)


@app.command("list")
def list_tasks(
    *,
    include: Include = None,
    organization: Organization = None,
    address: Address = None,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
    as_json: Json = False,
) -> None:
    """List the run tasks of an organization.

    \b
    Examples:
      bulkops task list
      bulkops task list --include workspace_tasks.workspace --json
    """
    named = organization_named(organization)

    async def work(client: Client) -> list[RunTask]:
        return await client.run_tasks.list(named, (include,) if include else ())

    tasks = run(connect(address, ca_file, insecure_http=insecure_http), work)
    print_run_tasks(tasks, as_json=as_json)


@app.command()
def show(
    name_or_id: Named,
    *,
    include: Include = None,
    organization: Organization = None,
    address: Address = None,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
    as_json: Json = False,
) -> None:
    """Show one run task.

    \b
    Examples:
      bulkops task show security-scan
      bulkops task show task-7oD7doVTQdAFnMLV --include workspace_tasks --json
    """
    from bulkops.cli.lookup import find_run_task

    async def work(client: Client) -> RunTask:
        included = (include,) if include else ()
        return await find_run_task(client, organization, name_or_id, included)

    client = connect(address, ca_file, insecure_http=insecure_http)
    print_run_task(run(client, work), as_json=as_json)


@app.command()
def create(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Letters, digits, hyphens and underscores.")
    ],
    *,
    url: Annotated[str, typer.Option(metavar="URL", help="Where it is called; tried once.")],
    description: Description = None,
    hmac_key_env: HmacKeyEnv = None,
    hmac_key_file: HmacKeyFile = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="Create it switched off.")] = False,
    global_enforcement_level: GlobalLevel = None,
    global_stage: GlobalStages = None,
    agent_pool_id: AgentPool = None,
    organization: Organization = None,
    address: Address = None,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
    as_json: Json = False,
) -> None:
    """Create a run task; it is attached nowhere yet.

    \b
    Examples:
      bulkops task create lint --url https://lint.example/hook
      bulkops task create lint --url https://lint.example/hook --hmac-key-env KEY
    """

    named = organization_named(organization)
    wish = global_of(global_enforcement_level, global_stage, GlobalConfiguration())
    change = RunTaskChange(
        name=name,
        url=url,
        description=given(description),
        hmac_key=hmac_key_of(hmac_key_env, hmac_key_file),
        enabled=not disabled,
        global_configuration=given(wish),
        agent_pool_id=given(agent_pool_id),
    )

    async def work(client: Client) -> RunTask:
        with single_write("task", "show", name):
            return await client.run_tasks.create(named, change)

    task = run(connect(address, ca_file, insecure_http=insecure_http), work)
    print_run_task(task, as_json=as_json)
    warn_if_ignored(wish, task)


@app.command()
def update(
    name_or_id: Named,
    *,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Its new name.")] = None,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where it is called; tried once.")
    ] = None,
    description: Description = None,
    hmac_key_env: HmacKeyEnv = None,
    hmac_key_file: HmacKeyFile = None,
    remove_hmac_key: Annotated[
        bool, typer.Option("--remove-hmac-key", help="Sign no longer.")
    ] = False,
    enabled: Annotated[
        bool | None, typer.Option("--enabled/--disabled", help="Switch it on or off.")
    ] = None,
    global_enforcement_level: GlobalLevel = None,
    global_stage: GlobalStages = None,
    no_global: NoGlobal = False,
    agent_pool_id: AgentPool = None,
    no_agent_pool: Annotated[
        bool, typer.Option("--no-agent-pool", help="Reach its URL without agents.")
    ] = False,
    yes: Yes = False,
    organization: Organization = None,
    address: Address = None,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
    as_json: Json = False,
) -> None:
    """Change what is given of a run task; the rest stays.

    The change is one of every workspace to which it is attached.

    \b
    Examples:
      bulkops task update security-scan --url https://scan.example/v2 --yes
      bulkops task update security-scan --disabled
    """
    from bulkops.cli.lookup import find_run_task

    hmac_key = hmac_key_of(hmac_key_env, hmac_key_file)
    if remove_hmac_key and hmac_key:
        raise JobError("--remove-hmac-key and a new key exclude each other")
    if no_agent_pool and agent_pool_id:
        raise JobError("--no-agent-pool and --agent-pool-id exclude each other")
    asked = RunTaskChange(
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
        wish = global_of(global_enforcement_level, global_stage, before, off=no_global)
        change = msgspec.structs.replace(asked, global_configuration=given(wish))
        if change == RunTaskChange():
            raise JobError("nothing to change: say what, for example --url or --disabled")
        confirm(f"Update run task {called(task)}?", yes=yes)
        with single_write("task", "show", task.id):
            return await client.run_tasks.update(task.id, change), wish

    task, wish = run(connect(address, ca_file, insecure_http=insecure_http), work)
    print_run_task(task, as_json=as_json)
    warn_if_ignored(wish, task)


@app.command()
def delete(
    name_or_id: Named,
    *,
    yes: Yes = False,
    organization: Organization = None,
    address: Address = None,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
    as_json: Json = False,
) -> None:
    """Delete a run task that is attached nowhere.

    The server refuses one that is still attached: a job of the kind task-delete detaches it first.

    \b
    Examples:
      bulkops task delete old-scan
      bulkops task delete task-7oD7doVTQdAFnMLV --yes
    """
    from bulkops.cli.lookup import find_run_task

    async def work(client: Client) -> RunTask:
        task = await find_run_task(client, organization, name_or_id)
        confirm(f"Delete run task {called(task)}?", yes=yes)
        with single_write("task", "show", task.id):
            await client.run_tasks.delete(task.id)
        return task

    task = run(connect(address, ca_file, insecure_http=insecure_http), work)
    if as_json:
        from bulkops import events

        print_json(events.Deleted(id=task.id, name=task.name))
    else:
        print_text(f"deleted {called(task)}")
