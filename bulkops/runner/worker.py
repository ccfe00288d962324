"""Runs one operation: intent → send → classify → read back if in doubt → decide.

The order is what bulkops guarantees: the intent is durable before the request leaves; after a lost
answer the target is read back, and a request is never repeated blindly; it is sent again only after
a reading that started ``settle`` seconds after the loss. In the first ``settle`` seconds of an
execution a reading may be older than the plan: if that matters, it is repeated. The tables of
``bulkops.api.verdict`` and ``bulkops.runner.readback`` decide each step; this module follows them.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from bulkops.api.echo import echoed
from bulkops.api.failures import error_of, request_id
from bulkops.api.messages import Response
from bulkops.api.verdict import InDoubt, Refused, Retry, Succeeded, Verdict
from bulkops.client.paging import answers
from bulkops.errors import ApiError, RetriesSpent, ServerBroken, Unauthorized
from bulkops.journal.records import Intent, Result
from bulkops.journal.states import Outcome
from bulkops.operations import wording
from bulkops.operations.compare import SET_OUTSIDE, Shown, changed, compare, gone
from bulkops.operations.model import Observed, Operation, own
from bulkops.runner.answers import Answer, described, unobserved
from bulkops.runner.assignment import Assignment
from bulkops.runner.readback import FIRST_LOOK, Cause, Reading, Readings, Step, Unobserved

MayLook = Callable[[Operation, float], Awaitable[bool]]
"""Returns whether reading an operation back early is worth it, by what was shown since a time."""


class Worker:
    """Runs one operation.

    Args:
        read_at: time of the reading that showed the state before the operation.
        aside: entered with the seconds that the operation only waits, so that another one may be
            in flight; yields ``MayLook``.
        at_any_time: whether it may also begin outside the job's windows.
    """

    def __init__(
        self,
        operation: Operation,
        assignment: Assignment,
        *,
        read_at: float,
        aside: Callable[[float], AbstractAsyncContextManager[MayLook]],
        at_any_time: bool = False,
    ) -> None:
        self._operation = operation
        self._assignment = assignment
        self._aspect = assignment.kind.of(operation.target).aspects[operation.aspect]
        self._caller = assignment.client
        self._journal = assignment.journal
        self._read_at = read_at
        self._aside = aside
        self._at_any_time = at_any_time
        self._losses = 0
        self._outages = assignment.client.outage.number
        self._attempts = 0

    async def result(self, *, in_doubt: bool) -> Result:
        """Run the operation and return its result.

        Args:
            in_doubt: whether an earlier execution sent it without getting an answer.

        Raises:
            Unauthorized, RateLimited, NoResponse, WindowClosed: the token was refused, the server
                can't be reached, or the window closed. It wasn't carried out, nor has it failed.
            RetriesSpent: too many requests failed, or an outage lasted too long. The operation is
                in doubt if it was sent.
            JournalWriteFailed: its intent could not be made durable, or the permit is lost;
                nothing was sent after that.
        """
        # A value that no reading ever shows needs no reading back: it is set again.
        looks = in_doubt and self._aspect.source is not None
        result = await self._look(Cause.LOST, None) if looks else None
        while result is None:
            request = self._aspect.request(self._operation)
            permit = self._assignment.permit
            verdict, sent = await self._caller.persist(request, self._announce, permit)
            self._attempts += sent
            result = await self._judge(verdict)
        return result

    async def _announce(self) -> None:
        # Not earlier: if killed while it waits for the pacer, the operation must not be in doubt.
        if not self._attempts and not self._at_any_time:
            self._assignment.check_window()
        await self._journal.append(Intent(self._operation.key, self._caller.clock.date()))

    async def _judge(self, verdict: Verdict) -> Result | None:
        """Return the verdict's result, ``None`` to send again."""
        answer = verdict.answer
        match verdict:
            case Succeeded():
                return await self._check_echo(verdict.answer)
            case InDoubt():
                if self._outages != self._caller.outage.number:
                    # Lost in or before an outage: the next answer need not be lost too.
                    self._outages, self._losses = self._caller.outage.number, min(1, self._losses)
                return await self._look(Cause.LOST, answer)
            case Refused() if isinstance(answer, Response) and answer.status != 401:
                return await self._look(Cause.REFUSED, answer)
            case Refused() | Retry():
                raise error_of(self._aspect.request(self._operation), answer)

    async def _check_echo(self, answer: Response) -> Result | None:
        desired = self._operation.desired
        if desired is None and answer.status == 204:
            return self._result(Outcome.SUCCEEDED, "", answer, ours=True)
        if desired is None:
            # Perhaps a proxy's own page: this API answers a DELETE with 204 and nothing else.
            return await self._look(Cause.LOST, answer)
        try:
            echo = self._aspect.echo(echoed(self._aspect.request(self._operation), answer))
        except ServerBroken:
            return await self._look(Cause.LOST, answer)
        if echo is None:
            return await self._look(Cause.NO_ECHO, answer)
        if compare(self._operation, [echo]) is Shown.DESIRED:
            return self._result(Outcome.SUCCEEDED, "", answer, ours=True, observed=[echo])
        return self._result(Outcome.FAILED, self._kept([echo]), answer, ours=True, observed=[echo])

    async def _look(self, cause: Cause, answer: Answer) -> Result | None:
        """Read the target back until its table decides; return ``None`` to send again."""
        self._losses += cause is Cause.LOST
        readings = self._readings(cause.after(self._losses))
        while True:
            # A reading after an outage is newer than the requests before it.
            await self._caller.until_answering()
            started = self._caller.clock.now()
            reading = await self._read_back()
            step, seconds = readings.resolve(reading.row, started, self._caller.clock.now())
            if step is Step.SEND:
                return None
            if step not in (Step.SETTLE, Step.AGE):
                break
            if isinstance(answer, Response) and answer.status == 503:
                # A server that is overloaded gets no early readings.
                await self._wait(seconds)
            else:
                await self._until_read_again(readings, seconds)
        nothing = step is Step.CONFLICT and not reading.observed
        if (nothing or reading.row is Unobserved.DENIED) and await self._is_gone():
            return self._gone(step, cause, answer)
        return self._resolved(step, reading, cause, answer)

    async def _until_read_again(self, readings: Readings, seconds: float) -> None:
        """Wait for so long, or until an early reading may show that the operation is done."""
        clock = self._caller.clock
        at = began = clock.now()
        end = began + seconds
        async with self._aside(seconds) as may_look:
            while at < end:
                at = min(readings.next_look(at), end)
                await clock.sleep(max(0.0, at - clock.now()))  # It has passed after a suspension.
                since = max(began, at - FIRST_LOOK)
                if at < end and await may_look(self._operation, since):
                    return

    async def _wait(self, seconds: float) -> None:
        async with self._aside(seconds):
            await self._caller.clock.sleep(seconds)

    async def _is_gone(self) -> bool:
        """Return whether the target itself is missing, and still is past ``settle``."""
        if not await self._is_missing():
            return False
        await self._wait(self._assignment.settle)
        return await self._is_missing()

    async def _is_missing(self) -> bool:
        target, organization = self._operation.target, self._assignment.replay.header.organization
        try:
            return await self._caller.is_missing(organization, target.id, target.name)
        except (Unauthorized, RetriesSpent):
            raise
        except ApiError:
            return False

    def _readings(self, cause: Cause) -> Readings:
        settle = self._assignment.settle
        # An earlier reading may lag so far behind that it shows the state before the plan.
        had_it = self._assignment.had_it(self._operation)
        old_until = self._read_at + settle if had_it or cause.refused else -math.inf
        since = self._caller.clock.now()
        return Readings(cause, since=since, old_until=old_until, settle=settle)

    async def _read_back(self) -> Reading:
        if self._aspect.source is None:
            return Reading(Unobserved.EVER)
        try:
            pages = await answers(self._caller, self._aspect.look(self._operation))
            # Rows move between pages while a list is read: rows with equal ids are one row.
            rows = (one for page in pages for one in self._aspect.observed(self._operation, page))
            observed = own(self._operation, list({one.id: one for one in rows}.values()))
        except (Unauthorized, RetriesSpent):
            raise
        except ApiError as error:
            denied = error.status in (403, 404)
            return Reading(Unobserved.DENIED if denied else Unobserved.UNREADABLE, error=error)
        return Reading(compare(self._operation, observed), observed)

    def _gone(self, step: Step, cause: Cause, answer: Answer) -> Result:
        """Return the result for a target that is gone, or that this token can't see any more.

        An undo has nothing left to remove. Anything else was not done: in the next execution, the
        run task's own list may show that nothing is attached, which a 404 does not.
        """
        reason = gone(self._operation.target)
        if self._operation.desired is None and self._assignment.replay.header.undo_of:
            return self._result(Outcome.SKIPPED, reason, answer)
        if step is Step.CONFLICT:
            return self._result(Outcome.CONFLICT, reason, answer)
        reason = f"404: {reason}"
        reason = unobserved(cause, answer, reason) if step is Step.UNOBSERVED else reason
        return self._result(Outcome.FAILED, reason, answer)

    def _resolved(self, step: Step, reading: Reading, cause: Cause, answer: Answer) -> Result:
        observed, ours = reading.observed, False
        match step:
            case Step.ADOPT:
                lost = f"its answer was lost ({described(answer)}), but the change took effect"
                outcome, reason = Outcome.SUCCEEDED, lost if self._losses else ""
                ours = self._is_ours(observed)
            case Step.BELIEVE:
                outcome, reason, ours = Outcome.SUCCEEDED, "", True
            case Step.LEAVE:
                outcome, reason = Outcome.SKIPPED, SET_OUTSIDE
            case Step.FAIL if isinstance(answer, Response) and answer.status < 300:
                outcome, reason, ours = Outcome.FAILED, self._kept(observed), True
            case Step.FAIL:
                outcome, reason, observed = Outcome.FAILED, described(answer), ()
            case Step.CONFLICT:
                outcome, reason, observed = Outcome.CONFLICT, changed(self._operation, observed), ()
            case _:
                outcome = Outcome.FAILED if step is Step.UNOBSERVED else Outcome.IN_DOUBT
                reason = unobserved(cause, answer, str(reading.error or ""))
        return self._result(outcome, reason, answer, ours=ours, observed=observed)

    def _is_ours(self, observed: Sequence[Observed]) -> bool:
        """Whether this job may have written what is there: an update keeps the id."""
        before = self._operation.before
        return before is None or not observed or observed[0].id == before.id

    def _kept(self, observed: Sequence[Observed]) -> str:
        # A server silently drops attributes that it doesn't know (terraform-provider-tfe #1456).
        desired = wording.state(self._operation, self._operation.desired)
        shown = wording.reading(self._operation, observed)
        return f"the server accepted it, but shows {shown} instead of {desired}"

    def _result(
        self,
        outcome: Outcome,
        reason: str,
        answer: Answer,
        *,
        ours: bool = False,
        observed: Sequence[Observed] = (),
    ) -> Result:
        kept = ours and outcome is Outcome.FAILED
        return Result(
            key=self._operation.key,
            outcome=outcome,
            at=self._caller.clock.date(),
            ours=ours,
            id=observed[0].id if observed else self._operation.before_id,
            kept=observed[0].attributes if observed and kept else None,
            attempts=self._attempts,
            reason=reason,
            status=answer.status if isinstance(answer, Response) else 0,
            request_id=request_id(answer) if isinstance(answer, Response) else "",
        )
