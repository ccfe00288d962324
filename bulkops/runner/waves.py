"""Walks through a journal's waves: carry out, verify, rest, ask the gate, the next one.

What to do at each point is said by the tables of ``bulkops.runner.wave_steps``, from what the
journal says of the wave: every step ends with a record, and whoever was killed goes on from the
last one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import anyio
import msgspec

from bulkops.job.duration import in_seconds
from bulkops.job.gate import GateCall
from bulkops.job.rollout import Wave, rest_seconds
from bulkops.journal.progress import Progress
from bulkops.journal.records import Verified, WaveReached
from bulkops.journal.states import DONE, TROUBLE, Held, How, Outcome, Reached
from bulkops.plan.current_state import read_verified
from bulkops.plan.tolerance import Margin, exceeded
from bulkops.runner.assignment import Assignment, Observer
from bulkops.runner.interruption import Interruption
from bulkops.runner.runner import Runner
from bulkops.runner.wave_steps import Next, following, judged


class Waves:
    """One execution's way through a journal.

    Args:
        runner: carries out the operations of one wave after the other.
        continue_paused: past the one place at which the journal says that the job stands.
    """

    def __init__(
        self,
        assignment: Assignment,
        runner: Runner,
        observer: Observer,
        interruption: Interruption,
        *,
        continue_paused: bool,
    ) -> None:
        self._assignment = assignment
        self._runner = runner
        self._observer = observer
        self._interruption = interruption
        self._journal = assignment.journal
        self._replay = assignment.replay
        self._clock = assignment.client.clock
        self._rollout = assignment.job.rollout
        self._waves = self._rollout.steps(len(self._replay.operations))
        stands = (self._replay.waves.get(wave.number) for wave in self._waves)
        current = next((w for w in stands if w is None or w.reached is not Reached.PASSED), None)
        self._past = current if continue_paused else None

    async def run(self) -> str:
        """Return how it ended: of ``How``, or what a signal said.

        Raises:
            Exception: as of ``Runner.run``.
        """
        how = self._interruption.signal or await self._begin_again()
        for wave in self._waves:
            while not how and (then := self._next(wave)) is not Next.GO_ON:
                how = await self._do(then, wave)
                how = self._interruption.signal or how
        if not how and self._replay.verified is None:
            with self._interruption.at_once():
                await self._journal.append(await self._verified())
        return self._interruption.signal or how or How.COMPLETE

    async def _begin_again(self) -> str:
        """Open passed waves that have work again, and look at what a later wave won't look at."""
        for wave in self._waves:
            closed = self._replay.reached(wave.number) is not Reached.OPEN
            if closed and any(p.outcome is None for p in self._of(wave)):
                await self._note(wave, Reached.OPEN)
        reached = {wave: self._replay.reached(wave.number) for wave in self._waves}
        current = next((w for w in self._waves if reached[w] is not Reached.PASSED), None)
        if current is not None and reached[current] is Reached.OPEN:
            return ""
        return await self._operate(current, Outcome.IN_DOUBT)

    def _next(self, wave: Wave) -> Next:
        said = self._replay.waves.get(wave.number)
        return following(
            self._rollout,
            self._replay.reached(wave.number),
            said.held if said else "",
            last=wave.last,
            # Whatever is said of it next is another place.
            continue_paused=said is not None and said is self._past,
        )

    async def _do(self, then: Next, wave: Wave) -> str:
        """Do what is next about a wave; return how the execution ends, where it does."""
        match then:
            case Next.CARRY_OUT:
                return await self._carry_out(wave)
            case Next.REST:
                return await self._rest(wave)
            case Next.WAIT:
                await self._note(wave, Reached.VERIFIED, held=Held.MANUAL)
                return How.PAUSED
            case Next.GATE:
                return await self._judge(wave)
            case Next.PASS | Next.GO_ON:
                await self._note(wave, Reached.PASSED)
                return ""

    async def _carry_out(self, wave: Wave) -> str:
        if wave.number not in self._replay.waves:
            await self._note(wave, Reached.OPEN)
        how = await self._operate(wave, None, Outcome.IN_DOUBT)
        if how:
            return how
        with self._interruption.at_once():
            verified = await self._verified()
            differing = verified.differing
            done = (p for p in self._of(wave) if p.outcome in DONE) if differing else ()
            drifted = sum(progress.operation.key in differing for progress in done)
            self._journal.post(verified)
            await self._note(wave, Reached.VERIFIED, drifted=drifted)
        return How.TOLERANCE if exceeded(self._replay, self._rollout) else ""

    async def _rest(self, wave: Wave) -> str:
        seconds = rest_seconds(self._rollout)
        if seconds:
            await self._note(wave, Reached.VERIFIED, until=self._clock.date(seconds))
            with self._interruption.at_once():
                await self._clock.sleep(seconds)
        if not self._interruption.signal:
            await self._note(wave, Reached.RESTED)
        return ""

    async def _judge(self, wave: Wave) -> str:
        timeout, said = self._rollout.gate_timeout, list[int]()
        with self._interruption.at_once(), anyio.move_on_after(in_seconds(timeout)):
            said.append(await self._observer.gate(self._gate_call(wave)))
        if not said and self._interruption.signal:
            return self._interruption.signal
        status = said[0] if said else None
        held = judged(status)
        if held is None:
            await self._note(wave, Reached.PASSED, status=status)
            return ""
        reason = "" if said else f"ended after gate_timeout = {timeout}"
        await self._note(wave, Reached.RESTED, held=held, status=status, reason=reason)
        return How.GATE if held is Held.FAIL else How.PAUSED

    def _gate_call(self, wave: Wave) -> GateCall:
        job, gate = self._assignment.job, self._rollout.gate or ""
        secret = job.spec.secret.env if job.spec.secret else None
        told = self._told(wave)
        return GateCall(gate, told, job.folder, self._rollout.gate_env, secret or "")

    def _told(self, wave: Wave) -> dict[str, str]:
        """Return the variables by which a gate learns where the job stands."""
        return {
            "BULKOPS_JOURNAL": str(self._journal.path.absolute()),
            "BULKOPS_JOB": self._assignment.job.name,
            "BULKOPS_WAVE": str(wave.number),
            "BULKOPS_WAVES": str(len(self._waves)),
            "BULKOPS_SUCCEEDED": str(self._replay.count(Outcome.SUCCEEDED)),
            "BULKOPS_FAILED": str(self._replay.count(*TROUBLE)),
        }

    def _of(self, wave: Wave) -> Iterator[Progress]:
        return islice(self._replay.operations.values(), wave.start, wave.end)

    async def _operate(self, wave: Wave | None, *outcomes: Outcome | None) -> str:
        """Carry out what has these outcomes of a wave, and of any that was carried out before.

        There something may be in doubt, and pending whatever comes after that. Only then is a
        gate asked: until the next execution nothing more can be done about a wave.
        """
        begun = [w for w in self._waves if w is not wave and self._has_begun(w, wave)]
        others = [p for other in begun for p in self._of(other) if p.outcome in outcomes]
        mine = [p for p in self._of(wave) if p.outcome in outcomes] if wave else []
        margin = Margin(self._replay, self._rollout, wave, others)
        return self._interruption.signal or await self._runner.run([*others, *mine], margin)

    def _has_begun(self, other: Wave, wave: Wave | None) -> bool:
        before = wave is not None and other.number < wave.number
        return before or self._replay.reached(other.number) is not Reached.OPEN

    async def _note(
        self,
        wave: Wave,
        reached: Reached,
        *,
        drifted: int = 0,
        until: str = "",
        held: str = "",
        status: int | None = None,
        reason: str = "",
    ) -> None:
        said = WaveReached(
            wave.number,
            wave.start,
            wave.end,
            reached,
            self._clock.date(),
            drifted,
            until,
            held,
            status,
            reason,
        )
        await self._journal.append(said)
        self._observer.on_wave(said)

    async def _verified(self) -> Verified:
        assignment = self._assignment
        verified = await read_verified(
            assignment.client, self._replay, assignment.settle, needs_tasks=True
        )
        # What is still to be carried out, by later waves, is left out.
        differing = {
            key: shows
            for key, shows in verified.differing.items()
            if self._replay.operations[key].outcome is not None
        }
        return msgspec.structs.replace(verified, differing=differing)
