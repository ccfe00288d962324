"""``bulkops simulate``: serve a simulated organization to rehearse on."""

from __future__ import annotations

import re
import signal
import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Literal

import anyio
import click

from bulkops.cli.options import WholeNumber, command
from bulkops.cli.output.printing import print_text
from bulkops.errors import BulkopsError
from bulkops.simulator.app import serve
from bulkops.simulator.arguments import BadArgument, entitlements, users
from bulkops.simulator.core import Simulator
from bulkops.simulator.faults import BadFaults, Faults
from bulkops.simulator.population import populate
from bulkops.simulator.profiles import PROFILES
from bulkops.simulator.state import Entitlements

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


@command(
    click.Option(
        ["--port"],
        type=WholeNumber(min=0, max=65535),
        default=8080,
        help="Port on 127.0.0.1; 0: any free port.",
    ),
    click.Option(
        ["--organization"], default="acme", metavar="NAME", help="Name of the organization."
    ),
    click.Option(
        ["--workspaces"],
        type=WholeNumber(min=0),
        default=300,
        metavar="N",
        help="Number of workspaces.",
    ),
    click.Option(
        ["--task"],
        multiple=True,
        metavar="NAME",
        help="Name of a run task to start with. Repeatable.",
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
        metavar="TOKEN",
        help="A token with all rights. Repeatable. If no token is given, any token has all rights.",
    ),
    click.Option(
        ["--read-only-token"],
        multiple=True,
        metavar="TOKEN",
        help="A read-only token. Repeatable. As with --token, all other tokens are refused.",
    ),
    click.Option(
        ["--workspace-task-token"],
        multiple=True,
        metavar="TOKEN",
        help='A token with "Manage Workspace Run Tasks" only, which can\'t list the '
        "organization's run tasks. Repeatable. As with --token, all other tokens are refused.",
    ),
    click.Option(
        ["--entitlement"],
        multiple=True,
        metavar="NAME=VALUE",
        help="An entitlement: run-task-limit=1, run-tasks=false. Repeatable. An unknown name "
        "prints the list of names.",
    ),
    click.Option(
        ["--verify-urls"], is_flag=True, help="Call a run task's new URL once and require a 200."
    ),
)
def simulate(
    *,
    port: int,
    organization: str,
    workspaces: int,
    task: tuple[str, ...],
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
    """Serve a simulated organization to rehearse on.

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
    """
    simulator = Simulator(
        seed=seed,
        profile=_known_profile(profile),
        rate=rate,
        window=window,
        gateway_rate=gateway_rate,
        retry_after=retry_after,
        other_client=other_client,
        tokens=users(token, workspace_task_token, read_only_token),
        duplicate_attach=duplicate_attach,
        lag=_seconds(lag, "--lag"),
        epoch=datetime.now(UTC) - timedelta(seconds=time.monotonic()),
    )
    now = time.monotonic()
    populate(simulator, organization, workspaces=workspaces, seed=seed, now=now)
    simulator.world.organizations[organization].entitlements = _entitled(entitlement)
    for name in task:
        simulator.add_task(name, now=now)
    serving = serve(
        simulator,
        port=port,
        latency=_seconds(latency, "--latency"),
        jitter=_seconds(jitter, "--jitter"),
        faults=_parsed_faults(faults, seed),
        verify_urls=verify_urls,
        seed=seed,
    )
    what = f"organization {organization}, {workspaces} workspaces"
    try:
        anyio.run(_serve_until_signalled, serving, what)
    except OSError as error:
        raise BulkopsError(f"can't listen on port {port}: {error.strerror or error}") from error


async def _serve_until_signalled(serving: AbstractAsyncContextManager[str], what: str) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with serving as address:
            print_text(f"simulator ready at {address} ({what})")
            async for _ in signals:
                break


def _seconds(text: str, option: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)", text.strip())
    if found is None:
        raise click.BadParameter(
            f"{text!r} is not a duration. Write 50ms, 1.5s or 2m", param_hint=option
        )
    return float(found[1]) * _UNITS[found[2]]


def _known_profile(name: str) -> str:
    if name not in PROFILES:
        raise click.BadParameter(
            f"{name!r} is not known. Known: {', '.join(PROFILES)}", param_hint="--profile"
        )
    return name


def _entitled(settings: tuple[str, ...]) -> Entitlements:
    try:
        return entitlements(settings)
    except BadArgument as error:
        raise click.BadParameter(str(error), param_hint="--entitlement") from None


def _parsed_faults(spec: str, seed: int) -> Faults | None:
    try:
        return Faults.parse(spec, seed) if spec else None
    except BadFaults as error:
        raise click.BadParameter(str(error), param_hint="--faults") from None
