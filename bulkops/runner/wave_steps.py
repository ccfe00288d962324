"""What an execution does next about a wave, and what a gate says. Pure: two tables.

What an execution does next, by what the journal says of the current wave (``following``):

| the wave is | and                                     | next                       |
|-------------|-----------------------------------------|----------------------------|
| open        |                                         | carry out, then verify     |
| verified    | more waves, and a pause of some time    | rest (anew after a crash)  |
| verified    | more waves, a manual pause              | end the execution: paused  |
| verified    | as above, and somebody said go on       | it has rested              |
| verified    | the last wave, or no pause              | as rested                  |
| rested      | no gate                                 | it has passed              |
| rested      | a gate, inconclusive, and said go on    | it has passed              |
| rested      | a gate, whatever it said before         | run it (see ``judged``)    |
| passed      |                                         | the next wave, or the end  |

A gate is a command; its exit status says what ``judged`` returns:

| exit status   | verdict      | then                                                     |
|---------------|--------------|----------------------------------------------------------|
| 0             | pass         | the next wave                                            |
| 1             | fail         | the job stops; the same command runs the gate again      |
| anything else | inconclusive | the job is paused; the same, but ``--continue`` passes it |
| none in time  | inconclusive | it was ended; likewise                                   |
"""

from __future__ import annotations

from enum import Enum

from bulkops.job.rollout import MANUAL, Rollout
from bulkops.journal.states import Held, Reached


class Next(Enum):
    """What an execution does next about a wave."""

    CARRY_OUT = "carry out"
    REST = "rest"
    WAIT = "wait for somebody"
    GATE = "run the gate"
    PASS = "pass"  # noqa: S105 - no password
    GO_ON = "go on"


def following(
    rollout: Rollout, reached: Reached, held: str, *, last: bool, continue_paused: bool
) -> Next:
    """Return what is to be done next; see the first table above.

    Args:
        held: of ``Held``, empty where nobody said that it is.
        last: no wave comes after this one.
        continue_paused: somebody said so (``--continue``). It holds for the one place at which the
            execution found the job standing.
    """
    if reached is Reached.OPEN:
        return Next.CARRY_OUT
    if reached is Reached.PASSED:
        return Next.GO_ON
    if reached is Reached.VERIFIED and rollout.pause is not None and not last:
        return Next.WAIT if rollout.pause == MANUAL and not continue_paused else Next.REST
    past = continue_paused and held == Held.INCONCLUSIVE
    return Next.PASS if past or rollout.gate is None else Next.GATE


def judged(status: int | None) -> Held | None:
    """Return why a gate's exit status holds the job, ``None`` where it passes; see above.

    Args:
        status: ``None`` where it did not end in time.
    """
    if status == 0:
        return None
    return Held.FAIL if status == 1 else Held.INCONCLUSIVE
