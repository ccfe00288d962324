"""One journal of a run: executions until it is done, with checks after crashes and at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from random import Random

import msgspec

from bulkops.client.api import Client
from bulkops.journal.identity import Identity, check_same
from bulkops.journal.progress import Progress
from bulkops.journal.reader import Contents, read
from bulkops.journal.records import Holder
from bulkops.journal.replay import Replay
from bulkops.journal.states import How, Outcome, Reached
from bulkops.plan import recorded
from bulkops.plan.model import Plan
from bulkops.plan.tolerance import stopped_by_tolerance
from bulkops.report.current_wave import rollout_of
from tests.simulation import gates, others, weather, windows
from tests.simulation.invariants import Ends, Violation, must
from tests.simulation.machine import Machine
from tests.simulation.states import SETTINGS, Place, Shown, place_of, shown_of, still
from tests.simulation.weather import CALM, Weather

PATIENCE = 14
"""Calm executions after which everything must be finished."""

LONG_SINCE = 60.0
"""Seconds after which no late effect is outstanding."""

MakePlan = Callable[[Client], Awaitable[Plan]]


class Planned(msgspec.Struct, frozen=True):
    """A plan, and the state of everything just before its journal was created.

    Attributes:
        before: what each workspace showed.
        seen_at: time from which the execution that created it may miss a change.
        found: key → comparison of each operation with the state at that time.
        effects: number of effects until then.
    """

    plan: Plan | None
    before: dict[Place, Shown | None]
    seen_at: float
    found: dict[str, str]
    effects: int


class Phase:
    """One journal, from its plan to its end.

    Attributes:
        path: path of the journal.
        planned: the journal's plan, the last plan if there is no journal.
    """

    def __init__(self, machine: Machine, path: Path, make_plan: MakePlan, random: Random) -> None:
        self.path = path
        seen_at = machine.running.started - machine.scenario.lags
        effects = len(machine.server.effects)
        self.planned = Planned(None, machine.truth(), seen_at, {}, effects)
        self._by: dict[Holder, Planned] = {}
        self._machine = machine
        self._make_plan = make_plan
        self._random = random
        self._left: Contents | None = None

    @property
    def plan(self) -> Plan | None:
        """The journal's plan, the last plan if there is no journal."""
        return self.planned.plan

    def run(self, storms: int, abandoned: int | None = None) -> Replay | None:
        """Resume until it is done; ``None`` if there is nothing to do, or it was given up."""
        machine = self._machine
        machine.journal = self.path
        retry_at_last = self._random.random() < 0.5
        for number in range(storms + PATIENCE):
            if number == abandoned:
                machine.met["abandoned"] += 1
                return None
            # Cutting a torn tail is the rarest event: one more storm for it.
            torn = self._left is not None and self._left.torn
            if number < storms or (number == storms and torn):
                today = self._draw()
            else:
                again = number == storms and retry_at_last
                power = self._random.random() < 0.3
                today = Weather(retry_failed=again, lags=again, power=power, continue_paused=True)
            how, replay = machine.run(self._process, today, calm=number >= storms)
            self._come_back(how)
            undisturbed = machine.waiting or self._random.random() < 0.75
            if number < storms and self._left is not None and not undisturbed:
                others.between(machine, self._left.replay)
            if how == "ended" and replay is None and not machine.shelf.has(self.path):
                return None
            if replay is not None and replay.ended is not None:
                machine.met[f"ended: {replay.ended.how}"] += 1
                if replay.ended.how == How.COMPLETE:
                    left = gates.left_behind(replay.operations.values(), replay)
                    must(not left, "a job that says it is complete is", left)
                done = replay.ended.how == How.COMPLETE and not replay.unfinished
                if done and number >= storms + retry_at_last:
                    return self._end()
        raise Violation("the run ends", f"not after {storms + PATIENCE} executions")

    def effects(self) -> Counter[Place]:
        """Return the number of our changes to each thing of a workspace in this phase."""
        effects = self._machine.server.effects[self.planned.effects :]
        return Counter((e.names["workspace"], e.names.get("task", SETTINGS)) for e in effects)

    def restores(self) -> dict[Place, Shown]:
        """Return what each thing in the journal showed when it was last decided.

        Of several attachments of a run task, only the first that the job removed is restored.
        """
        replay = self._machine.replay_of(self.path)
        operations = list(replay.operations.values())[::-1] if replay else []
        operations.sort(key=_is_ours)
        return {
            place_of(p.operation): shown_of(p.restore.attributes if p.restore else None)
            for p in operations
        }

    def reported(self) -> set[Place]:
        """Return what is skipped, or reported as not as desired."""
        replay = self._machine.replay_of(self.path)
        skips = replay.skips if replay else self.plan.skips if self.plan else []
        operations = replay.operations.values() if replay else ()
        planned = {place_of(progress.operation): progress for progress in operations}
        skipped = {(s.target.name, task) for s in skips for task in self._machine.scenario.things}
        differing = replay.verified.differing if replay and replay.verified else {}
        # A skip is about the things of its workspace without an operation.
        return (skipped - planned.keys()) | {
            place
            for place, p in planned.items()
            if p.outcome is not Outcome.SUCCEEDED or p.operation.key in differing
        }

    def given_up(self) -> set[Place]:
        """Return what is reported as failed."""
        replay = self._machine.replay_of(self.path)
        failed = replay.having(Outcome.FAILED) if replay else ()
        return {place_of(progress.operation) for progress in failed}

    async def _process(self, today: Weather) -> Replay | None:
        """Run the command once, as one process."""
        machine = self._machine
        world, met, running = machine.world, machine.met, machine.running
        hold = machine.shelf.hold(self.path)
        started = not machine.shelf.has(self.path)
        if started:
            plan = await self._make_plan(world.client())
            self._take_note(plan)
            if not plan.operations:
                return None
            await running.run(
                partial(recorded.start_journal, hold.storage, plan, world.client(), running.holder)
            )
        contents = read(hold.storage)
        running.replay = contents.replay
        if not started:
            self._resume(contents, today)
        met["retry_failed"] += today.retry_failed
        stopped = stopped_by_tolerance(contents.replay, rollout_of(contents.replay))
        refuses, asked = (
            stopped is not None and not today.continue_paused,
            running.requests(world.wire.asked),
        )
        running.execution = world.prepared(
            hold,
            contents,
            retry_failed=today.retry_failed,
            continue_paused=today.continue_paused,
            exit_outside_window=today.exit_outside_window,
            on_result=machine.on_result,
        )
        replay = await running.execution.run()
        met["stopped by the tolerance: sent nothing"] += refuses
        sent = running.requests(world.wire.asked) - asked
        must(
            not (refuses and sent),
            "what its tolerance stopped asks nothing of the server",
            sent,
        )
        return replay

    def _take_note(self, plan: Plan) -> None:
        """Record all states before the journal of a plan is created."""
        machine = self._machine
        before = machine.truth()
        there = {
            operation.key: machine.server.there(place_of(operation))
            for operation in plan.operations
            if before[place_of(operation)] is not None
        }
        self.planned = self._by[machine.running.holder] = Planned(
            plan,
            before,
            machine.running.started - machine.scenario.lags,
            {o.key: still(o, there.get(o.key, [])) for o in plan.operations},
            # The late effects of the previous phase have landed by now.
            len(machine.server.effects),
        )

    def _draw(self) -> Weather:
        """Draw a storm; failures are retried in most executions, perhaps too early."""
        random, torn = self._random, self._left is not None and self._left.torn > 0
        today = weather.draw(random, len(self._machine.world.names), torn=torn)
        if self._machine.scenario.windows:
            apart = self._machine.apart
            exits, late = apart.random() < 0.5, apart.uniform(60.0, 1800.0)
            dies_at = late if apart.random() < 0.5 else today.dies_at
            today = msgspec.structs.replace(today, exit_outside_window=exits, dies_at=dies_at)
        if self._left is None or not self._left.replay.count(Outcome.FAILED):
            return today
        again = today.retry_failed or random.random() < 0.6
        return msgspec.structs.replace(today, retry_failed=again, behind=again)

    def _resume(self, contents: Contents, today: Weather) -> None:
        """Record the state of a journal that is resumed."""
        met = self._machine.met
        plan = self._by[contents.replay.header.started_by].plan
        assert plan is not None
        asked = Identity(plan.digest, "acme")
        check_same(contents.replay.header, asked, self.path)
        met["resumed with a torn tail"] += bool(contents.torn)
        met["resumed in doubt"] += bool(contents.replay.count(Outcome.IN_DOUBT))
        met["resumed pending"] += bool(contents.replay.count(None))
        failed = contents.replay.count(Outcome.FAILED, Outcome.CONFLICT)
        met["failures retried"] += bool(failed and today.retry_failed)

    def _come_back(self, how: str) -> None:
        """Restart the machine, and check what is left of the journal."""
        world = self._machine.world
        self._left = self._machine.come_back(how, self._random)
        world.pause = 0.0 if self._machine.waiting else self._random.choice((0.0, 1.0, 5.0, 30.0))
        if self._left is not None:
            self.planned = self._by[self._left.replay.header.started_by]
            self._note_between(how, self._left.replay)

    def _note_between(self, how: str, replay: Replay) -> None:
        self._machine.met["killed while it rested"] += how == "killed" and replay.rest is not None
        reached = {wave.reached for wave in replay.waves.values()}
        if reached & {Reached.VERIFIED, Reached.PAUSE_OVER}:
            self._machine.met["killed between two waves"] += how == "killed"
            by_signal = replay.ended is not None and replay.ended.how == "SIGINT"
            self._machine.met["interrupted between two waves"] += by_signal

    def _end(self) -> Replay:
        """Resume the finished job: nothing is sent, and the server's truth is compared with it."""
        machine = self._machine
        machine.world.pause = LONG_SINCE
        asked = len(machine.world.wire.writes)
        how, replay = machine.run(self._process, CALM, calm=True)
        must(replay is not None, "a finished run can be resumed", how)
        must(len(machine.world.wire.writes) == asked, "resuming a finished run sends no write")
        assert replay is not None
        for progress in replay.operations.values():
            machine.met[f"outcome {progress.outcome}"] += 1
        gates.check(machine, self.path.name, replay)
        machine.met["rested outside its windows"] += windows.check(machine, self.path)
        self._check_as_saved(replay)
        truth = machine.truth()
        Ends(
            replay,
            truth,
            self.effects(),
            there={place: machine.server.there(place) for place, shown in truth.items() if shown},
            changed=Counter(e.id for e in machine.server.effects[self.planned.effects :]),
            found=self.planned.found,
            # A lost write of the previous journal was believed done if the same was done outside it
            # meanwhile, and may have landed under this one.
            strangers=machine.server.changed_since(self.planned.seen_at - machine.scenario.lands),
            hindered=machine.server.strangers if machine.scenario.ordered else (),
        ).check()
        return replay

    def _check_as_saved(self, replay: Replay) -> None:
        """Check that a saved plan was applied exactly: nothing was decided again."""
        if self.plan is None or not self.plan.saved:
            return
        done = [progress.operation for progress in replay.operations.values()]
        must(done == list(self.plan.operations), "a saved plan is applied unchanged", done)
        for how in self.planned.found.values():
            self._machine.met[f"saved plan finds it {how}"] += 1


def _is_ours(progress: Progress) -> bool:
    in_doubt = progress.outcome is Outcome.IN_DOUBT
    return in_doubt or (progress.result is not None and progress.result.ours)
