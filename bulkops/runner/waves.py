"""Runs a journal's waves: carry out, verify, pause, run the gate, then the next wave.

The tables of ``bulkops.runner.wave_steps`` decide the next step from the journal's records. Every
step ends with a record, so that an execution resumes after the last finished step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

import anyio
import msgspec

from bulkops.job.duration import in_seconds
from bulkops.job.gate import GateCall
from bulkops.job.rollout import Wave, wave_pause_seconds
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
    """The waves of one execution.

    Args:
        runner: runs the operations of one wave after the other.
        continue_paused: continue past the one stop that the journal records.
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
        self._waves = self._replay.waves_of(self._rollout)
        records = (self._replay.waves.get(wave.number) for wave in self._waves)
        current = next((w for w in records if w is None or w.reached is not Reached.PASSED), None)
        self._past = current if continue_paused else None

    async def run(self) -> str:
        """Run the waves; return how they ended: a value of ``How``, or a signal's name.

        Raises:
            Exception: see ``Runner.run``.
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
        """Open closed waves that have pending operations again; read back those in doubt.

        If a wave is open, it reads back the operations in doubt itself.
        """
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
        record = self._replay.waves.get(wave.number)
        return following(
            self._rollout,
            self._replay.reached(wave.number),
            record.held if record else "",
            last=wave.last,
            # A later record of the wave is another stop.
            continue_paused=record is not None and record is self._past,
        )

    async def _do(self, then: Next, wave: Wave) -> str:
        """Do the next step of a wave; return how the execution ends, empty if it doesn't."""
        match then:
            case Next.CARRY_OUT:
                return await self._carry_out(wave)
            case Next.PAUSE:
                return await self._pause(wave)
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
            drifted = self._drifted(wave, verified.differing) if verified.differing else 0
            self._journal.post(verified)
            await self._note(wave, Reached.VERIFIED, drifted=drifted)
        return How.TOLERANCE if exceeded(self._replay, self._rollout) else ""

    def _drifted(self, wave: Wave, differing: Collection[str]) -> int:
        """Return how many finished operations drifted, or targets that don't fail anyway."""
        operations = self._replay.operations
        done = (p.operation for p in self._of(wave) if p.outcome in DONE)
        drifted = {operations.unit(operation) for operation in done if operation.key in differing}
        return len(drifted.difference(operations.failing(wave.start, wave.end)))

    async def _pause(self, wave: Wave) -> str:
        seconds = wave_pause_seconds(self._rollout)
        if seconds:
            await self._note(wave, Reached.VERIFIED, until=self._clock.date(seconds))
            with self._interruption.at_once():
                await self._clock.sleep(seconds)
        if not self._interruption.signal:
            await self._note(wave, Reached.PAUSE_OVER)
        return ""

    async def _judge(self, wave: Wave) -> str:
        timeout, statuses = self._rollout.gate_timeout, list[int]()
        with self._interruption.at_once():
            # A gate may do more than look, and another process may run it already.
            await self._assignment.permit.wait()
            with anyio.move_on_after(in_seconds(timeout)):
                statuses.append(await self._observer.gate(self._gate_call(wave)))
        if not statuses and self._interruption.signal:
            return self._interruption.signal
        status = statuses[0] if statuses else None
        held = judged(status)
        if held is None:
            await self._note(wave, Reached.PASSED, status=status)
            return ""
        reason = "" if statuses else f"ended after gate_timeout = {timeout}"
        await self._note(wave, Reached.PAUSE_OVER, held=held, status=status, reason=reason)
        return How.GATE if held is Held.FAIL else How.PAUSED

    def _gate_call(self, wave: Wave) -> GateCall:
        job, gate = self._assignment.job, self._rollout.gate or ""
        variables, kept = self._variables(wave), self._rollout.gate_env
        return GateCall(gate, variables, job.folder, kept, job.secret_variables)

    def _variables(self, wave: Wave) -> dict[str, str]:
        """Return the environment variables that describe the job's state to its gate."""
        return {
            "BULKOPS_JOURNAL": self._assignment.place.absolute(),
            "BULKOPS_JOB": self._assignment.job.name,
            "BULKOPS_WAVE": str(wave.number),
            "BULKOPS_WAVES": str(len(self._waves)),
            "BULKOPS_SUCCEEDED": str(self._replay.count(Outcome.SUCCEEDED)),
            "BULKOPS_FAILED": str(self._replay.count(*TROUBLE)),
        }

    def _of(self, wave: Wave) -> Iterator[Progress]:
        return islice(self._replay.operations.values(), wave.start, wave.end)

    async def _operate(self, wave: Wave | None, *outcomes: Outcome | None) -> str:
        """Run the operations with these outcomes, of a wave and of all waves that ran before it.

        Those may have operations in doubt, and pending ones that come after them. They run before
        the gate, since nothing else is done about a wave until the next execution.
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
        record = WaveReached(
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
        await self._journal.append(record)
        self._observer.on_wave(record)

    async def _verified(self) -> Verified:
        assignment = self._assignment
        verified = await read_verified(
            assignment.client, self._replay, assignment.settle, needs_tasks=True
        )
        # Pending operations, of later waves, are left out.
        differing = {
            key: shows
            for key, shows in verified.differing.items()
            if self._replay.operations[key].outcome is not None
        }
        return msgspec.structs.replace(verified, differing=differing)
