"""``bulkops simulate``: serve a local copy of the API to rehearse a rollout on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bulkops.errors import BulkopsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractAsyncContextManager

    from bulkops.simulator.faults import Faults
    from bulkops.simulator.state import Entitlements, User

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_SWITCH = {"true": True, "false": False}


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
    retry_after: Annotated[
        bool, typer.Option("--retry-after", help="Let a 429 carry Retry-After as well.")
    ] = False,
    other_client: Annotated[
        int,
        typer.Option(
            metavar="N", help="Requests a second that somebody else sends as the same user.", min=0
        ),
    ] = 0,
    latency: Annotated[
        str,
        typer.Option(
            metavar="DURATION", help="Time a request and its answer are on their way: 50ms."
        ),
    ] = "0ms",
    jitter: Annotated[
        str, typer.Option(metavar="DURATION", help="At most so much longer each way: 20ms.")
    ] = "0ms",
    faults: Annotated[
        str,
        typer.Option(
            metavar="SPEC",
            help="What goes wrong: 503=2%,POST:late=1% (late: no answer, and the effect 3 s "
            "later); an unknown kind is answered with the list of all.",
        ),
    ] = "",
    lag: Annotated[
        str,
        typer.Option(
            metavar="DURATION", help="Lists of workspace tasks show a change so much later: 1s."
        ),
    ] = "0ms",
    duplicate_attach: Annotated[
        Literal["reject", "accept"],
        typer.Option(help="Whether a second attach of a run task is refused or made."),
    ] = "reject",
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
        typer.Option(
            metavar="TOKEN",
            help="A token that may do everything, repeatable; without any, every token may.",
        ),
    ] = None,
    read_only_token: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOKEN",
            help="A token that may only read, repeatable; as with --token, no other is accepted.",
        ),
    ] = None,
    entitlement: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="What the plan allows: run-task-limit=1, run-tasks=false; repeatable, an unknown "
            "name is answered with the list of all.",
        ),
    ] = None,
    verify_urls: Annotated[
        bool,
        typer.Option("--verify-urls", help="Call a run task's new URL once and want a 200."),
    ] = False,
) -> None:
    """Serve a local copy of the API to rehearse a rollout on.

    Prints one line with its address when it is ready; SIGINT or SIGTERM end it.
    GET /_simulator/effects tells what really happened there, /_simulator/stats what was asked.

    \b
    Examples:
      bulkops simulate
      bulkops simulate --workspaces 1000 --task security-scan --latency 50ms
      bulkops simulate --faults "503=2%,POST:close-after=1%" --seed 7
      bulkops simulate --faults "POST:late=5%" --lag 1s
      bulkops simulate --read-only-token reader --token writer
      bulkops simulate --entitlement run-task-workspace-limit=10
    """
    import time
    from datetime import UTC, datetime, timedelta

    import anyio

    from bulkops.simulator.app import serve
    from bulkops.simulator.core import Simulator
    from bulkops.simulator.population import populate

    simulator = Simulator(
        seed=seed,
        profile=_known_profile(profile),
        rate=rate,
        window=window,
        retry_after=retry_after,
        other_client=other_client,
        tokens=_users(token or (), read_only_token or ()),
        duplicate_attach=duplicate_attach,
        lag=_seconds(lag, "--lag"),
        epoch=datetime.now(UTC) - timedelta(seconds=time.monotonic()),
    )
    now = time.monotonic()
    populate(simulator, organization, workspaces=workspaces, seed=seed, now=now)
    simulator.world.organizations[organization].entitlements = _entitlements(entitlement or ())
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

    from bulkops.cli.output.printing import print_text

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with serving as address:
            print_text(f"simulator ready at {address} ({what})")
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


def _users(full: Iterable[str], read_only: Iterable[str]) -> dict[str, User] | None:
    """Return who each token belongs to, by the lesser right; None where none is given."""
    from bulkops.simulator.state import User

    users = {token: User(name=f"user-{number}") for number, token in enumerate(full, 1)}
    for number, token in enumerate(read_only, 1):
        users[token] = User.read_only(f"reader-{number}")
    return users or None


def _entitlements(settings: Iterable[str]) -> Entitlements:
    import msgspec

    from bulkops.simulator.state import Entitlements

    fields = {field.encode_name: field for field in msgspec.structs.fields(Entitlements)}
    values: dict[str, bool | int] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in fields:
            raise _bad_entitlement(f"{name!r} is not known; one of {', '.join(fields)}")
        if fields[name].type is bool:
            if value not in _SWITCH:
                raise _bad_entitlement(f"{setting!r}: write {name}=true or {name}=false")
            values[name] = _SWITCH[value]
        else:
            if not re.fullmatch(r"[0-9]+", value):
                raise _bad_entitlement(f"{setting!r}: write a number: {name}=10")
            values[name] = int(value)
    return msgspec.convert(values, Entitlements)


def _bad_entitlement(why: str) -> typer.BadParameter:
    return typer.BadParameter(why, param_hint="--entitlement")


def _parsed_faults(spec: str, seed: int) -> Faults | None:
    from bulkops.simulator.faults import BadFaults, Faults

    try:
        return Faults.parse(spec, seed) if spec else None
    except BadFaults as error:
        raise typer.BadParameter(str(error), param_hint="--faults") from None
