"""A whole run from one seed."""

from __future__ import annotations

import tempfile
from collections import Counter
from functools import cache, partial
from pathlib import Path
from random import Random
from unittest import mock

import msgspec

from bulkops import execution
from bulkops.client.api import Client
from bulkops.job import Job, job_from_builtins
from bulkops.journal.reading import read
from bulkops.journal.records import Header
from bulkops.journal.replay import Replay
from bulkops.plan import Plan
from bulkops.public import plan_job
from bulkops.simulator.state import User
from tests.engine.world import PATH, TASK, World
from tests.simulation import scenario as scenarios
from tests.simulation.invariants import must
from tests.simulation.machine import Machine
from tests.simulation.phase import Phase, truth
from tests.simulation.scenario import Scenario
from tests.simulation.server import LaggingServer


class Outcome(msgspec.Struct):
    """What came of a run.

    Attributes:
        met: kind of fault, stop, resume, outcome → how often it was really met.
        trace: what happened in order, where it was asked for.
    """

    met: Counter[str]
    trace: list[str]


def simulate(seed: int, *, trace: list[str] | None = None) -> Outcome:
    """Run what the seed says.

    Raises:
        Violation: something does not hold that must.
    """
    with mock.patch.multiple(execution, job_of=_job_of):
        return _simulate(seed, trace)


def _simulate(seed: int, trace: list[str] | None) -> Outcome:
    random = Random(seed)
    scenario = scenarios.draw(random)
    machine = _machine(scenario, seed, random, trace)
    machine.say(f"seed {seed}: {scenario}")
    job = Phase(machine, PATH, partial(_plan, scenario.job()), random)
    replay = job.run(scenario.storms, scenario.abandoned)
    machine.met["run"] += 1
    _check_selection(machine, job, replay)
    done = [job]
    for number in range(scenario.undone):
        of = done[-1]
        if of.path.name not in machine.world.disk.names():
            break
        undo = Phase(
            machine, PATH.with_name(f"undo-{number}.jsonl"), partial(_undo, machine, of), random
        )
        undo.run(scenario.storms)
        machine.met[f"undone {number + 1}"] += 1
        _check_undone(machine, of, undo)
        done.append(undo)
    must(not machine.server.doubled, "nothing takes effect twice", machine.server.doubled)
    _check_bystanders(machine)
    machine.met["read that lagged"] += machine.server.lagged
    return Outcome(machine.met, trace or [])


# A process does these once; here they would be a quarter of the time.
_jobs: dict[bytes, Job] = {}


def _job_of(header: Header) -> Job:
    key = msgspec.json.encode(header.job)
    if key not in _jobs:
        _jobs[key] = job_from_builtins(header.job)
    return _jobs[key]


@cache
def _locks() -> Path:
    return Path(tempfile.mkdtemp(prefix="bulkops-simulation-"))


def _machine(scenario: Scenario, seed: int, random: Random, trace: list[str] | None) -> Machine:
    names = scenario.states.keys() - scenario.forbidden
    rights = User(name="engine", manage_workspace_run_tasks=names if scenario.forbidden else True)
    world = World(
        workspaces=0,
        profile=scenario.profile,
        seed=seed,
        latency=scenario.latency,
        rights=rights,
        server=partial(
            LaggingServer,
            rate=scenario.rate,
            window=scenario.window,
            duplicate_attach=scenario.duplicates,
        ),
    )
    server = world.simulator
    assert isinstance(server, LaggingServer)
    for name, shown in scenario.states.items():
        server.add_workspace(name)
        for level, stages in shown:
            server.attach(name, TASK, enforcement_level=level, stages=stages)
    world.names = sorted(scenario.selected)
    return Machine(world, server, scenario, random, locks=_locks(), trace=trace)


async def _plan(job: Job, client: Client) -> Plan:
    return await plan_job(client, job, "job.toml")


async def _undo(machine: Machine, of: Phase, client: Client) -> Plan:
    if of.path.name not in machine.world.disk.names() and of.plan is not None:
        # Killed before it was opened, so that its name was never synced, and then a power cut.
        must(not of.effects(), "a journal that sent anything stays", of.path)
        return msgspec.structs.replace(of.plan, operations=[], skips=[])
    return await execution.undo_plan(client, read(of.path, machine.world.disk).replay)


def _check_selection(machine: Machine, job: Phase, replay: Replay | None) -> None:
    """Check that every selected workspace is in the plan, or skipped with a true reason."""
    if job.plan is None or machine.scenario.abandoned is not None:
        return
    skips = replay.skips if replay is not None else job.plan.skips
    planned = (
        {p.operation.target.name for p in replay.operations.values()} if replay else set[str]()
    )
    strangers = machine.server.strangers
    accounted = planned | {skip.target.name for skip in skips}
    missing = machine.scenario.selected - accounted - strangers.keys()
    must(not missing, "every selected workspace is accounted for", missing)
    must(accounted <= machine.scenario.selected, "nothing is planned outside", accounted)
    shown = truth(machine)
    for skip in skips:
        name = skip.target.name
        if name in strangers:
            continue
        before = machine.scenario.states[name]
        must(shown[name] == before, "what is skipped is left alone", name)
        fulfilled = before == machine.scenario.wanted or (
            machine.scenario.kind == "update" and not before
        )
        must(skip.blocked != fulfilled, "a skip says why", (name, skip, before))


def _check_undone(machine: Machine, of: Phase, undo: Phase) -> None:
    """Check that all is as it was before, or that the undo says where it isn't."""
    now, strangers = truth(machine), machine.server.strangers
    restores, reported, given_up = of.restores(), undo.reported(), undo.given_up()
    for name, before in of.before.items():
        facts = f"{name}: was {before}, shows {now[name]}"
        if name not in strangers:
            restored = now[name] == before or name in given_up
            must(restored, "an undo restores what was there before", facts)
        elif name in restores:
            # What is gone has nothing attached.
            said = (now[name] or ()) == restores[name] or name in reported
            must(said, "an undo says what it could not restore", facts)


def _check_bystanders(machine: Machine) -> None:
    shown = truth(machine)
    for name, before in machine.scenario.states.items():
        if name not in machine.scenario.selected:
            must(shown[name] == before, "nothing outside the selection is touched", name)
