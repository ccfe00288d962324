"""The next step of a wave, and the verdict of a gate. Pure: two tables.

The next step, by the journal's last record of the current wave (``following``). For
"pause over", journals say ``rested``:

| the wave is | and                                      | next                               |
|-------------|------------------------------------------|------------------------------------|
| open        |                                          | carry out, then verify             |
| verified    | more waves, and a timed pause            | pause (in full again after a kill) |
| verified    | more waves, and a manual pause           | end the execution: paused          |
| verified    | more waves, manual pause, ``--continue`` | the pause is over                  |
| verified    | the last wave, or no pause               | see pause over                     |
| pause over  | no gate                                  | it has passed                      |
| pause over  | an inconclusive gate, and ``--continue`` | it has passed                      |
| pause over  | any other gate                           | run it (see ``judged``)            |
| passed      |                                          | the next wave, or the end          |

A gate is a command; ``judged`` maps its exit status to a verdict:

| exit status   | verdict      | next                                                            |
|---------------|--------------|-----------------------------------------------------------------|
| 0             | pass         | the next wave                                                   |
| 1             | fail         | the job stops; when resumed, it runs the gate again             |
| anything else | inconclusive | the job is paused; when resumed, it runs the gate again, unless |
|               |              | ``--continue`` skips it                                         |
| none in time  | inconclusive | the gate is terminated, then see above                          |
"""

from __future__ import annotations

from enum import Enum

from bulkops.job.rollout import MANUAL, Rollout
from bulkops.journal.states import Held, Reached


class Next(Enum):
    """The next step of a wave."""

    CARRY_OUT = "carry out"
    PAUSE = "pause"
    WAIT = "wait for --continue"
    GATE = "run the gate"
    PASS = "pass"  # noqa: S105 - not a password
    GO_ON = "go on"


def following(
    rollout: Rollout, reached: Reached, held: str, *, last: bool, continue_paused: bool
) -> Next:
    """Return the next step (see the first table above).

    Args:
        held: why the job stopped after this wave (a value of ``Held``), empty if it didn't.
        last: whether this is the last wave.
        continue_paused: whether ``--continue`` applies; it does only where the execution found the
            job stopped.
    """
    if reached is Reached.OPEN:
        return Next.CARRY_OUT
    if reached is Reached.PASSED:
        return Next.GO_ON
    if reached is Reached.VERIFIED and rollout.pause is not None and not last:
        return Next.WAIT if rollout.pause == MANUAL and not continue_paused else Next.PAUSE
    past = continue_paused and held == Held.INCONCLUSIVE
    return Next.PASS if past or rollout.gate is None else Next.GATE


def judged(status: int | None) -> Held | None:
    """Return why a gate's exit status stops the job, ``None`` if it passes (see above).

    Args:
        status: the exit status, ``None`` if the gate did not end in time.
    """
    if status == 0:
        return None
    return Held.FAIL if status == 1 else Held.INCONCLUSIVE
