"""One operation to its result: intent → send → classify → read back where in doubt → decide.

The order is the promise: the intent is durable before the request leaves; a lost answer is read
back and never repeated blindly; something absent is sent again only after a reading that is
``settle`` seconds younger than the loss. Done, or changed by somebody else, is believed only of a
reading that can't be from before the operation was planned. What to do at each point is said by the
tables of ``bulkops.api.verdict`` and ``bulkops.runner.readback``; this module only walks through
them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from bulkops.api.jsonapi import error_of, error_texts, request_id
from bulkops.api.messages import Response
from bulkops.api.verdict import InDoubt, Refused, Retry, Succeeded, Verdict
from bulkops.client.caller import Caller
from bulkops.client.paging import answers
from bulkops.errors import ApiError, NoResponse, RetriesSpent, ServerBroken, Unauthorized
from bulkops.journal.records import Intent, Result
from bulkops.journal.states import Outcome
from bulkops.journal.writer import Journal
from bulkops.operations import wording
from bulkops.operations.aspects.base import Aspect
from bulkops.operations.compare import Shown, compare
from bulkops.operations.model import Operation, Seen
from bulkops.runner.readback import Cause, Step, resolve

LOSSES = 6
"""Lost answers to one operation, after which it is given up where the server shows it not done."""

Answer = Response | NoResponse | None
"""What a write brought; ``None`` where an earlier execution sent it."""


class Worker:
    """Drives one operation.

    Args:
        settle: seconds after a lost answer in which its effect may still land.
        read_at: since when it is known, by a reading, what there was before the operation.
        aside: entered while the operation only waits, so that another one may be in flight.
    """

    def __init__(
        self,
        operation: Operation,
        aspect: Aspect,
        caller: Caller,
        journal: Journal,
        *,
        settle: float,
        read_at: float,
        aside: Callable[[], AbstractAsyncContextManager[None]],
    ) -> None:
        self._operation = operation
        self._aspect = aspect
        self._caller = caller
        self._journal = journal
        self._settle = settle
        # A reading that starts earlier may lag so much that it shows what was before even that.
        self._old_until = read_at + settle
        self._aside = aside
        self._losses = 0
        self._attempts = 0

    async def result(self, *, in_doubt: bool) -> Result:
        """Return what became of the operation.

        Args:
            in_doubt: an earlier execution sent it and its answer is unknown.

        Raises:
            Unauthorized, RateLimited, NoResponse: the token was refused, or the server can't be
                reached: it was not carried out, and that says nothing of the operation.
            RetriesSpent: so does too much that failed; what was sent is in doubt.
            JournalWriteFailed: its intent could not be made durable; it was not sent.
        """
        found = await self._look(Cause.LOST, None) if in_doubt else None
        while found is None:
            request = self._aspect.request(self._operation)
            verdict, sent = await self._caller.persist(request, self._announce)
            self._attempts += sent
            found = await self._judge(verdict)
        return found

    async def _announce(self) -> None:
        # Not earlier: whoever waits for the pacer when the process is killed is not in doubt.
        await self._journal.append(Intent(self._operation.key, self._date()))

    async def _judge(self, verdict: Verdict) -> Result | None:
        """Return the verdict's result, ``None`` to send again."""
        answer = verdict.answer
        match verdict:
            case Succeeded():
                return await self._check_echo(verdict.answer)
            case InDoubt():
                return await self._look(Cause.LOST, answer)
            case Refused() if isinstance(answer, Response) and answer.status != 401:
                return await self._look(Cause.REFUSED, answer)
            case Refused() | Retry():
                raise error_of(self._aspect.request(self._operation), answer)

    async def _check_echo(self, answer: Response) -> Result | None:
        wanted = self._operation.wanted
        if wanted is None and answer.status == 204:
            return self._say(Outcome.SUCCEEDED, "", answer, ours=True)
        if wanted is None:
            # Some proxy's own page, perhaps: this API says 204 to a DELETE, and nothing else.
            return await self._look(Cause.LOST, answer)
        try:
            echo = self._aspect.echo(answer)
        except ServerBroken:
            return await self._look(Cause.LOST, answer)
        if echo is None:
            return await self._look(Cause.NO_ECHO, answer)
        if echo.attributes == wanted:
            return self._say(Outcome.SUCCEEDED, "", answer, ours=True, seen=[echo])
        return self._say(Outcome.FAILED, self._kept([echo]), answer, ours=True, seen=[echo])

    async def _look(self, cause: Cause, answer: Answer) -> Result | None:
        """Read the target back until it is decided; ``None`` to send again."""
        if self._aspect.source is None:
            return await self._unreadable(cause, answer)
        self._losses += cause is Cause.LOST
        since = self._caller.clock.now()
        denied: float | None = None
        while True:
            started = self._caller.clock.now()
            try:
                seen = await self._read_back()
            except (Unauthorized, RetriesSpent):
                raise
            except ApiError as error:
                denied = started if denied is None else denied
                if self._is_final(cause, error, started - denied):
                    return self._unseen(cause, answer, error)
                until = denied + self._settle
            else:
                denied, until = None, since + self._settle
                old = started < self._old_until
                step = resolve(
                    shown := compare(self._operation, seen),
                    cause,
                    lost_before=self._losses > 0,
                    settled=started >= until,
                    old=old,
                )
                if old and (shown is Shown.WANTED or cause is Cause.REFUSED):
                    until = self._old_until
                if step is Step.SEND and self._losses >= LOSSES:
                    step = Step.FAIL
                if step is not Step.WAIT:
                    return self._looked(step, seen, answer)
            async with self._aside():
                await self._caller.clock.sleep(until - started)

    async def _unreadable(self, cause: Cause, answer: Answer) -> Result | None:
        """Decide without a reading; ``None`` to send again: twice is once, see ``Aspect``."""
        if cause is Cause.NO_ECHO:
            return self._say(Outcome.SUCCEEDED, "", answer, ours=True)
        if cause is Cause.REFUSED:
            return self._say(Outcome.FAILED, _words(answer), answer)
        if answer is None:
            return None
        self._losses += 1
        if self._losses >= LOSSES:
            reason = f"its answer was lost ({_words(answer)}) and it can't be read back"
            return self._say(Outcome.IN_DOUBT, reason, answer)
        async with self._aside():
            await self._caller.clock.sleep(self._settle)
        return None

    def _is_final(self, cause: Cause, error: ApiError, denied_for: float) -> bool:
        """Whether an error ends the reading back: not there for a moment says nothing."""
        if error.status not in (403, 404) or (cause is Cause.REFUSED and not self._losses):
            return True
        return denied_for >= self._settle

    async def _read_back(self) -> list[Seen]:
        pages = await answers(self._caller, self._aspect.look(self._operation))
        # Rows move between pages while a list is read: the same id is the same row.
        rows = (seen for page in pages for seen in self._aspect.seen(self._operation, page))
        return list({seen.id: seen for seen in rows}.values())

    def _looked(self, step: Step, seen: list[Seen], answer: Answer) -> Result | None:
        match step:
            case Step.ADOPT:
                lost = f"its answer was lost ({_words(answer)}), but it was done"
                reason = lost if self._losses else ""
                return self._say(
                    Outcome.SUCCEEDED, reason, answer, ours=self._is_ours(seen), seen=seen
                )
            case Step.ADOPT_FOREIGN:
                reason = "somebody else made it so in the meantime"
                return self._say(Outcome.SKIPPED, reason, answer, seen=seen)
            case Step.FAIL if isinstance(answer, Response) and answer.status < 300:
                return self._say(Outcome.FAILED, self._kept(seen), answer, ours=True, seen=seen)
            case Step.FAIL:
                return self._say(Outcome.FAILED, _words(answer), answer)
            case Step.CONFLICT:
                reason = (
                    f"somebody else changed it: the server shows {self._shows(seen)}, "
                    f"planned was {wording.change(self._operation)}"
                )
                return self._say(Outcome.CONFLICT, reason, answer)
            case Step.SEND | Step.WAIT:
                return None

    def _unseen(self, cause: Cause, answer: Answer, error: ApiError) -> Result:
        """Return the result where the target could not be read back."""
        if cause is Cause.REFUSED and not self._losses:
            return self._say(Outcome.FAILED, _words(answer), answer)
        lost = f"its answer was lost ({_words(answer)}) and"
        if cause is Cause.NO_ECHO:
            lost = f"the server said yes ({_words(answer)}), but"
        reason = f"{lost} it could not be read back: {error}"
        if error.status in (403, 404):
            return self._say(Outcome.FAILED, reason, answer)
        return self._say(Outcome.IN_DOUBT, reason, answer)

    def _is_ours(self, seen: list[Seen]) -> bool:
        """Whether what is there can be of our making: what we change keeps its id."""
        before = self._operation.before
        return before is None or not seen or seen[0].id == before.id

    def _kept(self, seen: list[Seen]) -> str:
        # A server drops what it doesn't know without a word (terraform-provider-tfe #1456).
        wanted = wording.state(self._operation, self._operation.wanted)
        return f"the server said yes but shows {self._shows(seen)} instead of {wanted}"

    def _shows(self, seen: list[Seen]) -> str:
        return wording.reading(self._operation, seen)

    def _say(
        self,
        outcome: Outcome,
        reason: str,
        answer: Answer,
        *,
        ours: bool = False,
        seen: list[Seen] | None = None,
    ) -> Result:
        before = self._operation.before
        return Result(
            key=self._operation.key,
            outcome=outcome,
            at=self._date(),
            ours=ours,
            id=seen[0].id if seen else (before.id if before else ""),
            kept=seen[0].attributes if seen and ours and outcome is Outcome.FAILED else None,
            attempts=self._attempts,
            reason=reason,
            status=answer.status if isinstance(answer, Response) else 0,
            request_id=request_id(answer) if isinstance(answer, Response) else "",
        )

    def _date(self) -> str:
        return self._caller.clock.date()


def _words(answer: Answer) -> str:
    if answer is None:
        return "in an earlier execution"
    if isinstance(answer, NoResponse):
        return str(answer)
    texts = "; ".join(error_texts(answer))
    both = " (missing, or this token may not)" if answer.status in (403, 404) else ""
    return f"{answer.status} {texts}".strip() + both
