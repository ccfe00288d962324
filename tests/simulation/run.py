"""A whole run from one seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from unittest import mock

import msgspec

from bulkops.client.api import Client
from bulkops.job.job import Job, job_from_builtins
from bulkops.journal.reader import read
from bulkops.journal.records import Header
from bulkops.journal.replay import Replay
from bulkops.library import plan_job
from bulkops.plan import current_state, recorded
from bulkops.plan.consistent import disagreement_with_undone
from bulkops.plan.model import Plan
from bulkops.plan.trusted import disagreement
from bulkops.simulator.state import User
from tests.engine.world import PATH, World
from tests.simulation import scenario as scenarios
from tests.simulation.invariants import must
from tests.simulation.machine import Machine
from tests.simulation.phase import MakePlan, Phase
from tests.simulation.saved import SavedPlan
from tests.simulation.scenario import Scenario
from tests.simulation.server import LaggingServer
from tests.simulation.specs import is_blocked, spec
from tests.simulation.states import Place, place_of, shown_of
from tests.simulation.stored.machine import StoreMachine


class Outcome(msgspec.Struct):
    """The result of a run.

    Attributes:
        met: kind of fault, stop, resume, outcome → how often it was actually met.
        trace: events in order, if a trace was asked for.
    """

    met: Counter[str]
    trace: list[str]


def simulate(seed: int, *, trace: list[str] | None = None) -> Outcome:
    """Run a seed.

    Raises:
        Violation: an invariant does not hold.
    """
    with (
        mock.patch.object(recorded, "written_job_of", _job_of),
        mock.patch.object(current_state, "written_job_of", _job_of),
        TemporaryDirectory(prefix="bulkops-simulation-") as folder,
    ):
        return _simulate(seed, Path(folder), trace)


def _simulate(seed: int, folder: Path, trace: list[str] | None) -> Outcome:
    random = Random(seed)
    scenario = scenarios.draw(random, seed)
    machine = _machine(scenario, seed, random, folder, trace)
    machine.apart = Random(f"{seed}-windows-weather")
    machine.say(f"seed {seed}: {scenario}")
    make_plan: MakePlan = partial(_plan, scenario.job())
    if scenario.saved:
        saved = SavedPlan(machine, folder / "job.plan", make_plan, random)
        saved.make(scenario.storms)
        make_plan = saved.read
    job = Phase(machine, PATH, make_plan, random)
    replay = job.run(scenario.storms, scenario.abandoned)
    machine.met["run"] += 1
    machine.met["store: run"] += scenario.stored
    machine.met[f"kind {scenario.kind}"] += 1
    machine.met[f"values of {scenario.kind}"] += bool(scenario.values)
    machine.met["selected by projects"] += scenario.projects is not None
    _check_selection(machine, job, replay)
    done = [job]
    for number in range(scenario.undone):
        of = done[-1]
        if not machine.shelf.has(of.path):
            break
        undo = Phase(
            machine, PATH.with_name(f"undo-{number}.jsonl"), partial(_undo, machine, of), random
        )
        undo.run(scenario.storms)
        machine.met[f"undone {number + 1}"] += 1
        _check_undone(machine, of, undo)
        done.append(undo)
    must(not machine.server.doubled, "nothing takes effect twice", machine.server.doubled)
    must(not machine.server.unasked, "only desired settings are changed", machine.server.unasked)
    _check_bare(machine)
    _check_bystanders(machine)
    _check_agreement(machine, done)
    machine.met["read that lagged"] += machine.server.lagged
    return Outcome(machine.met, trace or [])


def _check_agreement(machine: Machine, done: Sequence[Phase]) -> None:
    """Check that every journal agrees with itself, since its job decided all of it."""
    replays = [replay for phase in done if (replay := machine.replay_of(phase.path))]
    for replay in replays:
        problem = disagreement(replay)
        must(not problem, "a journal agrees with itself", problem)
    for undone, undo in pairwise(replays):
        problem = disagreement_with_undone(undo, undone)
        must(not problem, "an undo agrees with what it takes back", problem)


# A process does these once; here they would take a quarter of the time.
_jobs: dict[bytes, Job] = {}


def _job_of(header: Header) -> Job:
    key = msgspec.json.encode(header.job)
    if key not in _jobs:
        _jobs[key] = job_from_builtins(header.job)
    return _jobs[key]


def _machine(
    scenario: Scenario, seed: int, random: Random, folder: Path, trace: list[str] | None
) -> Machine:
    names = {name for name, _ in scenario.states}
    rights = User(name="engine", manage_workspace_run_tasks=names - scenario.forbidden)
    world = World(
        workspaces=0,
        replacing=True,
        profile=scenario.profile,
        seed=seed,
        latency=scenario.latency,
        rights=rights,
        server=partial(
            LaggingServer,
            rate=scenario.rate,
            window=scenario.window,
            duplicate_attach=scenario.duplicates,
            specified=scenario.settings.keys(),
        ),
    )
    server = world.simulator
    assert isinstance(server, LaggingServer)
    if scenario.projects:
        scenario.projects.put(server)
    else:
        for name in sorted(names):
            server.add_workspace(name)
    for place, shown in scenario.states.items():
        server.put(place, shown)
    world.names = sorted(scenario.selected)
    if scenario.stored:
        given = world, server, scenario, random
        return StoreMachine(*given, seed=seed, locks=folder, trace=trace)
    return Machine(world, server, scenario, random, locks=folder, trace=trace)


async def _plan(job: Job, client: Client) -> Plan:
    return await plan_job(client, job, "job.toml")


async def _undo(machine: Machine, of: Phase, client: Client) -> Plan:
    if not machine.shelf.has(of.path) and of.plan is not None:
        # Killed before it was opened, so that its name was never synced, and then a power cut.
        must(not of.effects(), "a journal that sent anything stays", of.path)
        return msgspec.structs.replace(of.plan, operations=[], skips=[])
    return await current_state.undo_plan(client, read(machine.shelf.truth(of.path)).replay)


def _check_selection(machine: Machine, job: Phase, replay: Replay | None) -> None:
    """Check that every selected workspace is planned as desired, or skipped with the reason."""
    scenario = machine.scenario
    if job.plan is None or scenario.abandoned is not None:
        return
    skips = replay.skips if replay is not None else job.plan.skips
    operations = [p.operation for p in replay.operations.values()] if replay else []
    skipped = {skip.target.name: skip for skip in skips}
    names = {operation.target.name for operation in operations} | skipped.keys()
    must(names <= scenario.selected, "nothing is planned outside", names)
    shown = machine.truth()
    for name in scenario.selected - machine.server.strangers.keys():
        specified, skip = spec(scenario, name), skipped.get(name)
        planned = {place_of(o): shown_of(o.desired) for o in operations if o.target.name == name}
        facts = f"{name}: {skip or planned}, desired: {specified}"
        if isinstance(specified, str):
            explained = skip is not None and specified in skip.reason and not planned
            must(explained, "every selected workspace is skipped with its reason", facts)
            must(skip and skip.blocked == is_blocked(scenario, name), "a skip says why", facts)
            places = [(name, thing) for thing in scenario.things]
            alone = [shown[place] == scenario.states[place] for place in places]
            must(all(alone), "what is skipped is left alone", facts)
        else:
            done = planned == specified and skip is None
            must(done, "every selected workspace is planned as desired", facts)


def _check_undone(machine: Machine, of: Phase, undo: Phase) -> None:
    """Check that everything is as it was before, or that the undo reports where it isn't."""
    now, strangers = machine.truth(), machine.server.changed_since(of.planned.seen_at)
    detaches = machine.scenario.kind == "detach"
    restores, reported, given_up = of.restores(), undo.reported(), undo.given_up()
    for place, before in of.planned.before.items():
        facts = f"{place}: was {before}, shows {now[place]}"
        if place[0] not in strangers:
            restored = now[place] == before or place in given_up
            # A run task that was attached more than once is restored once.
            surplus = len(before or ()) > 1 and detaches
            restored |= surplus and bool(now[place]) and set(now[place] or ()) <= set(before or ())
            restored |= place in reported and _is_the_last(machine, place)
            must(restored, "an undo restores what was there before", facts)
        elif place in restores:
            # A deleted workspace has no attachments.
            reverted = (now[place] or ()) == restores[place] or place in reported
            must(reverted, "an undo reports what it could not restore", facts)


def _is_the_last(machine: Machine, place: Place) -> bool:
    """Return whether the other run task of a replace was removed outside the job."""
    scenario, (name, thing) = machine.scenario, place
    others = [task for task in scenario.things if task != thing]
    gone = scenario.replaces and not any(machine.server.shown((name, task)) for task in others)
    return gone and name in machine.server.strangers


def _check_bare(machine: Machine) -> None:
    """Check that a run task was never detached before its replacement was attached."""
    scenario, strangers = machine.scenario, machine.server.strangers
    bare = [e.names for e in machine.server.bare if e.names["workspace"] not in strangers]
    must(not (scenario.replaces and bare), "no workspace is ever left with neither", bare)


def _check_bystanders(machine: Machine) -> None:
    shown, scenario = machine.truth(), machine.scenario
    for place, before in scenario.states.items():
        if place[0] not in scenario.selected:
            must(shown[place] == before, "nothing outside the selection is touched", place)
        elif place[1] not in scenario.things and place[0] not in machine.server.strangers:
            must(shown[place] == before, "no other thing is touched", place)
