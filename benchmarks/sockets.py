"""Measures a case over real sockets, with ``bulkops simulate`` in a separate process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from urllib.request import urlopen

import aiohttp
import msgspec
from pytfe import TFEClient, TFEConfig

from benchmarks.attaching import attach
from benchmarks.case import A_WINDOW, ORGANIZATION, TASK, TOKEN, Case, Figures, requests
from benchmarks.pacings import PACINGS
from bulkops.api.messages import MEDIA_TYPE, Request, Response
from bulkops.client.api import Client
from bulkops.library import apply_plan, plan_job
from bulkops.plan.model import Plan
from bulkops.simulator.effects import Effect

HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": MEDIA_TYPE}


def measured(case: Case) -> Figures:
    """Return a case's figures; takes about as long as the case."""
    with simulating(case) as address:
        plan = asyncio.run(_planned(case, address))
        match case.pacing:
            case "bulkops":
                asyncio.run(_engine(case, address))
            case "pytfe":
                time.sleep(A_WINDOW)
                _pytfe(plan, address, time.monotonic() + case.seconds)
            case _:
                time.sleep(A_WINDOW)
                asyncio.run(_paced(case, plan, address))
        return seen(case, address)


def seen(case: Case, address: str) -> Figures:
    """Return the figures of a completed case, as its server saw it."""
    effects = msgspec.json.decode(_get(address, "effects"), type=_Effects).effects
    stats = msgspec.json.decode(_get(address, "stats"), type=_Stats)
    return Figures.of(case, effects, stats.requests, stats.too_many)


class _Effects(msgspec.Struct):
    effects: list[Effect]


class _Stats(msgspec.Struct, rename="kebab"):
    requests: int
    too_many: int


@contextmanager
def simulating(case: Case) -> Iterator[str]:
    """Run the case's server within the block; yields its address."""
    options: dict[str, object] = {
        "port": 0,
        "organization": ORGANIZATION,
        "workspaces": case.writes,
        "task": TASK,
        "rate": case.rate,
        "window": case.window,
        "other-client": case.other,
        "latency": f"{case.latency * 1000:g}ms",
        "jitter": f"{case.jitter * 1000:g}ms",
        "seed": case.seed,
    }
    command = [sys.executable, "-m", "bulkops", "simulate"]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            _, _, address = process.stdout.readline().partition(" at ")
            yield address.split()[0]
        finally:
            process.terminate()


def _get(address: str, what: str) -> bytes:
    with urlopen(f"{address}/_simulator/{what}") as answer:  # noqa: S310 - our own server
        body: bytes = answer.read()
        return body


async def _planned(case: Case, address: str) -> Plan:
    async with Client(address, TOKEN) as client:
        return await plan_job(client, case.job())


async def _engine(case: Case, address: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with Client(address, TOKEN) as client:
            plan = await plan_job(client, case.job())
            await apply_plan(client, plan, Path(folder, "job.jsonl"))


async def _paced(case: Case, plan: Plan, address: str) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + case.seconds
    async with aiohttp.ClientSession(headers=HEADERS) as session:
        send = partial(bare_send, session, address)
        left = requests(plan, lambda: loop.time() < until)
        await PACINGS[case.pacing](send, left, case.rate, Random(case.seed))


async def bare_send(session: aiohttp.ClientSession, address: str, request: Request) -> Response:
    """Send a request as a script on aiohttp does."""
    async with session.request(
        request.method, f"{address}{request.path}", data=request.body
    ) as answer:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status, headers, await answer.read())


def _pytfe(plan: Plan, address: str, until: float) -> None:
    """Attach to one workspace after the other with pytfe, HashiCorp's client from PyPI."""
    # Without ca_bundle it uses SSL_CERT_FILE, in a way that httpx has deprecated.
    with TFEClient(TFEConfig(address=address, token=TOKEN, ca_bundle=None)) as client:
        for operation in plan.operations:
            if time.monotonic() >= until:
                return
            attach(client, plan, operation)
