"""``bulkops simulate``: serve a local copy of the API to rehearse a rollout on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bulkops.errors import BulkopsError

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from bulkops.simulator.faults import Faults

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


def simulate(
    *,
    port: Annotated[
        int, typer.Option(help="Port on 127.0.0.1; 0 for any that is free.", min=0, max=65535)
    ] = 8080,
    organization: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the organization.")
    ] = "acme",
    workspaces: Annotated[
        int, typer.Option(metavar="N", help="How many workspaces it has.", min=0)
    ] = 300,
    task: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A run task that exists already; repeatable."),
    ] = None,
    rate: Annotated[
        int, typer.Option(metavar="N", help="Requests a second a user; 0: no limit.", min=0)
    ] = 30,
    window: Annotated[
        Literal["fixed", "sliding"], typer.Option(help="How the rate is counted.")
    ] = "fixed",
    other_client: Annotated[
        int,
        typer.Option(
            metavar="N", help="Requests a second that somebody else sends as the same user.", min=0
        ),
    ] = 0,
    latency: Annotated[
        str, typer.Option(metavar="DURATION", help="Time each request is on its way: 50ms.")
    ] = "0ms",
    jitter: Annotated[
        str, typer.Option(metavar="DURATION", help="At most so much longer: 20ms.")
    ] = "0ms",
    faults: Annotated[
        str,
        typer.Option(
            metavar="SPEC",
            help="What goes wrong, such as 503=2%,POST:close-after=1%; "
            "an unknown kind is answered with the list of all.",
        ),
    ] = "",
    seed: Annotated[
        int, typer.Option(metavar="N", help="Decides names, ids, faults and jitter.")
    ] = 0,
    profile: Annotated[
        str,
        typer.Option(
            metavar="VERSION",
            help="Server version; an unknown one is answered with the list of all.",
        ),
    ] = "hcp",
    token: Annotated[
        list[str] | None,
        typer.Option(help="A token that is accepted, repeatable; without any, every token is."),
    ] = None,
    verify_urls: Annotated[
        bool,
        typer.Option("--verify-urls", help="Call a run task's new URL once and want a 200."),
    ] = False,
) -> None:
    """Serve a faithful local copy of the API, to rehearse a rollout before production.

    Prints one line with its address when it is ready; SIGINT or SIGTERM end it.
    `GET /_simulator/effects` tells what really happened there, `/_simulator/stats` what was asked.

    Examples:

    - `bulkops simulate`

    - `bulkops simulate --workspaces 1000 --task security-scan --latency 50ms`

    - `bulkops simulate --faults "503=2%,POST:close-after=1%" --seed 7`
    """
    import time
    from datetime import UTC, datetime, timedelta

    import anyio

    from bulkops.simulator.app import serve
    from bulkops.simulator.core import Simulator
    from bulkops.simulator.population import populate
    from bulkops.simulator.state import User

    simulator = Simulator(
        seed=seed,
        profile=_known_profile(profile),
        rate=rate,
        window=window,
        other_client=other_client,
        tokens={one: User(name=f"user-{number}") for number, one in enumerate(token, 1)}
        if token
        else None,
        epoch=datetime.now(UTC) - timedelta(seconds=time.monotonic()),
    )
    now = time.monotonic()
    populate(simulator, organization, workspaces=workspaces, seed=seed, now=now)
    for name in task or ():
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
    import signal

    import anyio

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with serving as address:
            typer.echo(f"simulator ready at {address} ({what})")
            async for _ in signals:
                break


def _seconds(text: str, option: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)", text.strip())
    if found is None:
        raise typer.BadParameter(
            f"{text!r} is not a duration; write 50ms, 1.5s or 2m", param_hint=option
        )
    return float(found[1]) * _UNITS[found[2]]


def _known_profile(name: str) -> str:
    from bulkops.simulator.profiles import PROFILES

    if name not in PROFILES:
        raise typer.BadParameter(
            f"{name!r} is not known; one of {', '.join(PROFILES)}", param_hint="--profile"
        )
    return name


def _parsed_faults(spec: str, seed: int) -> Faults | None:
    from bulkops.simulator.faults import BadFaults, Faults

    try:
        return Faults.parse(spec, seed) if spec else None
    except BadFaults as error:
        raise typer.BadParameter(str(error), param_hint="--faults") from None
