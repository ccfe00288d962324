"""``bulkops simulate``: serve simulated organizations to rehearse on."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Literal

import anyio
import click

from bulkops.cli.options import command
from bulkops.cli.output.printing import print_text
from bulkops.cli.value_types import WholeNumber
from bulkops.errors import BulkopsError
from bulkops.simulator import arguments
from bulkops.simulator.app import serve
from bulkops.simulator.core import Simulator
from bulkops.simulator.population import populate


@command(
    click.Option(
        ["--port"],
        type=WholeNumber(min=0, max=65535),
        default=8080,
        help="Port on 127.0.0.1; 0: any free port.",
    ),
    click.Option(
        ["--organization"],
        multiple=True,
        metavar="NAME",
        help="Name of an organization. Repeatable. [default: acme]",
    ),
    click.Option(
        ["--organizations"],
        type=WholeNumber(min=1),
        metavar="N",
        help="Number of organizations, acme-1 to acme-N; instead of --organization.",
    ),
    click.Option(
        ["--workspaces"],
        type=WholeNumber(min=0),
        default=300,
        metavar="N",
        help="Number of workspaces in each organization.",
    ),
    click.Option(
        ["--task"],
        multiple=True,
        metavar="NAME",
        help="Name of a run task that each organization starts with. Repeatable.",
    ),
    click.Option(
        ["--agent-pool"],
        multiple=True,
        metavar="ID",
        help="Id of an agent pool (apool-…) that each organization has; another one is refused. "
        "Repeatable.",
    ),
    click.Option(
        ["--rate"],
        type=WholeNumber(min=0),
        default=30,
        metavar="N",
        help="Requests per second and user; 0: no limit.",
    ),
    click.Option(
        ["--window"],
        type=click.Choice(["fixed", "sliding"]),
        default="fixed",
        help="How requests are counted against the rate.",
    ),
    click.Option(
        ["--gateway-rate"],
        type=WholeNumber(min=0),
        default=0,
        metavar="N",
        help="Requests per second that a gateway in front passes on; it answers 503 to the rest. "
        "0: no gateway.",
    ),
    click.Option(
        ["--retry-after"],
        is_flag=True,
        help="Add Retry-After to each 429 and to a gateway's 503.",
    ),
    click.Option(
        ["--other-client"],
        type=WholeNumber(min=0),
        default=0,
        metavar="N",
        help="Requests per second that another client of the same user sends.",
    ),
    click.Option(
        ["--latency"],
        default="0ms",
        metavar="DURATION",
        help="Time that a request and its answer take on the way: 50ms.",
    ),
    click.Option(
        ["--jitter"],
        default="0ms",
        metavar="DURATION",
        help="Random extra latency, at most this much each way: 20ms.",
    ),
    click.Option(
        ["--faults"],
        default="",
        show_default=False,
        metavar="SPEC",
        help="Faults: 503=2%,POST:late=1% (late: no answer, the effect 3 s later). "
        "503=20s..45s: every request from 20 s to 45 s after the first one. An unknown kind "
        "prints the list of kinds.",
    ),
    click.Option(
        ["--lag"],
        default="0ms",
        metavar="DURATION",
        help="Delay until lists of workspace tasks show a change: 1s.",
    ),
    click.Option(
        ["--duplicate-attach"],
        type=click.Choice(["reject", "accept"]),
        default="reject",
        help="What happens if a run task is attached a second time.",
    ),
    click.Option(
        ["--seed"], type=int, default=0, metavar="N", help="Seed for names, ids, faults and jitter."
    ),
    click.Option(
        ["--profile"],
        default="hcp",
        metavar="VERSION",
        help="Server version. An unknown one prints the list of versions.",
    ),
    click.Option(
        ["--token"],
        multiple=True,
        metavar="[ORG:]TOKEN",
        help="A token with all rights, in every organization or in those before the colon: "
        "acme-1,acme-2:secret. Repeatable. A token doesn't see the organizations that it isn't "
        "given for: they answer 404. If no token is given, any token has all rights.",
    ),
    click.Option(
        ["--read-only-token"],
        multiple=True,
        metavar="[ORG:]TOKEN",
        help="A read-only token. Repeatable. As with --token, all other tokens are refused. If a "
        "token is given several times for an organization, the least right counts.",
    ),
    click.Option(
        ["--workspace-task-token"],
        multiple=True,
        metavar="[ORG:]TOKEN",
        help='A token with "Manage Workspace Run Tasks" only, which can\'t list the '
        "organization's run tasks. Repeatable. As with --token, all other tokens are refused.",
    ),
    click.Option(
        ["--entitlement"],
        multiple=True,
        metavar="[ORG:]NAME=VALUE",
        help="An entitlement, of every organization or of those before the colon: "
        "run-task-limit=1, acme-2:run-tasks=false. Repeatable. An unknown name prints the list "
        "of names.",
    ),
    click.Option(
        ["--verify-urls"], is_flag=True, help="Call a run task's new URL once and require a 200."
    ),
)
def simulate(
    *,
    port: int,
    organization: tuple[str, ...],
    organizations: int | None,
    workspaces: int,
    task: tuple[str, ...],
    agent_pool: tuple[str, ...],
    rate: int,
    window: Literal["fixed", "sliding"],
    gateway_rate: int,
    retry_after: bool,
    other_client: int,
    latency: str,
    jitter: str,
    faults: str,
    lag: str,
    duplicate_attach: Literal["reject", "accept"],
    seed: int,
    profile: str,
    token: tuple[str, ...],
    read_only_token: tuple[str, ...],
    workspace_task_token: tuple[str, ...],
    entitlement: tuple[str, ...],
    verify_urls: bool,
) -> None:
    """Serve simulated organizations to rehearse on.

    Prints one line with its address when it is ready, and runs until SIGINT or SIGTERM.
    GET /_simulator/effects lists every change made there, /_simulator/stats counts the requests.

    \b
    Examples:
      bulkops simulate
      bulkops simulate --workspaces 1000 --task security-scan --latency 50ms
      bulkops simulate --faults "503=2%,POST:close-after=1%" --seed 7
      bulkops simulate --faults "POST:late=5%" --lag 1s
      bulkops simulate --faults "503=5s..30s"
      bulkops simulate --gateway-rate 10
      bulkops simulate --read-only-token reader --token writer
      bulkops simulate --entitlement run-task-workspace-limit=10
      bulkops simulate --organization acme-canary --organization acme-retail
      bulkops simulate --organizations 2 --token acme-1:one --token acme-2:two
      bulkops simulate --organizations 4 --token all --read-only-token acme-3:all
      bulkops simulate --organizations 4 --entitlement acme-4:run-tasks=false
    """
    rights = {
        "--token": token,
        "--workspace-task-token": workspace_task_token,
        "--read-only-token": read_only_token,
    }
    with _usage_errors():
        names = arguments.organizations(organization, organizations)
        entitled = arguments.entitlements(entitlement, names)
        simulator = Simulator(
            seed=seed,
            profile=arguments.profile(profile),
            rate=rate,
            window=window,
            gateway_rate=gateway_rate,
            retry_after=retry_after,
            other_client=other_client,
            tokens=arguments.users(rights, names),
            duplicate_attach=duplicate_attach,
            lag=arguments.seconds("--lag", lag),
            epoch=datetime.now(UTC) - timedelta(seconds=time.monotonic()),
        )
        serving = serve(
            simulator,
            port=port,
            latency=arguments.seconds("--latency", latency),
            jitter=arguments.seconds("--jitter", jitter),
            faults=arguments.faults(faults, seed),
            verify_urls=verify_urls,
            seed=seed,
        )
    now = time.monotonic()
    for position, name in enumerate(names):
        populate(simulator, name, workspaces=workspaces, seed=seed + position, now=now)
        simulator.world.organizations[name].entitlements = entitled[name]
        for task_name in task:
            simulator.add_task(task_name, organization=name, now=now)
        for pool in agent_pool:
            simulator.add_agent_pool(pool, organization=name)
    try:
        anyio.run(_serve_until_signalled, serving, _what(names, workspaces))
    except OSError as error:
        raise BulkopsError(f"can't listen on port {port}: {error.strerror or error}") from error


@contextmanager
def _usage_errors() -> Iterator[None]:
    try:
        yield
    except arguments.BadArgument as error:
        raise click.BadParameter(str(error), param_hint=error.option) from None


async def _serve_until_signalled(serving: AbstractAsyncContextManager[str], what: str) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with serving as address:
            print_text(f"simulator ready at {address} ({what})")
            async for _ in signals:
                break


def _what(names: Sequence[str], workspaces: int) -> str:
    if len(names) == 1:
        return f"organization {names[0]}, {workspaces} workspaces"
    return f"organizations {', '.join(names)}: {workspaces} workspaces each"
