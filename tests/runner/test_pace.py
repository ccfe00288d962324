"""Whole jobs use the server's limit, alone or beside others, and don't overload it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from random import Random

import msgspec
import pytest

from bulkops.api.messages import Request, Response
from bulkops.client.retry_budget import MOST
from bulkops.errors import RetriesSpent
from bulkops.journal.states import How, Outcome
from bulkops.runner.starts.slots import LEAST_SLOTS, MOST_SLOTS, UNPACED, slots_needed
from bulkops.simulator.core import Simulator
from bulkops.simulator.limits import Window
from tests.engine.scripts import always
from tests.engine.wire import NEVER_LEFT, Trouble
from tests.engine.world import PATH, World, job
from tests.journal.samples import slow

LIMIT = 30
UNDO = PATH.with_name("undo.jsonl")


def limited(window: Window, latency: float, *, others: int = 0, workspaces: int = 600) -> World:
    """Return a world whose server takes so many requests a second."""
    server = partial(Simulator, rate=LIMIT, window=window, other_client=others)
    return World(workspaces=workspaces, latency=latency, server=server)


def pace_of(world: World) -> tuple[float, float]:
    """Carry a job out; return its writes a second at the server, and the part of 429s."""
    world.start(job())
    asked = len(world.wire.asked)
    at: list[float] = []
    world.wire.spies.append(lambda request: at.append(world.now()) if request.writes else None)
    world.resume()
    done = sum(world.effects().values())
    refused = len(at) - done
    return (done - 1) / (at[-1] - at[0]), refused / (len(world.wire.asked) - asked)


@pytest.mark.parametrize("window", ["fixed", "sliding"])
@pytest.mark.parametrize("latency", [0.05, 0.5])
def test_a_lone_client_uses_the_whole_limit_without_429s(window: Window, latency: float) -> None:
    """At least 98 % of the limit, for any window and latency."""
    rate, refused = pace_of(limited(window, latency))
    assert rate >= 0.98 * LIMIT
    assert refused == 0


@pytest.mark.parametrize("window", ["fixed", "sliding"])
@pytest.mark.parametrize(("limit", "sync"), [(30, 0.1), (30, 0.3), (100, 0.04)])
def test_a_slow_journal_costs_neither_speed_nor_429s(
    window: Window, limit: int, sync: float
) -> None:
    """Operations whose intents share a sync leave one by one, and enough of them are in flight."""
    world = World(workspaces=600, server=partial(Simulator, rate=limit, window=window))
    world.executor = slow(sync)
    rate, refused = pace_of(world)
    assert rate >= 0.96 * limit
    assert refused == 0


@pytest.mark.parametrize("window", ["fixed", "sliding"])
def test_an_uneven_journal_costs_neither_speed_nor_429s(window: Window) -> None:
    """The same if a sync takes anything between 10 and 250 ms."""
    random = Random(3)

    async def uneven(call: Callable[[], None]) -> None:
        await slow(random.uniform(0.01, 0.25))(call)

    world = limited(window, 0.05)
    world.executor = uneven
    rate, refused = pace_of(world)
    assert rate >= 0.96 * LIMIT
    assert refused == 0


class Merged(Simulator):
    """A server behind a gateway that sends the limit's header in another form."""

    header = "30, 30"

    def handle(self, request: Request, now: float, **more: object) -> Response:
        """Answer with the header changed."""
        answer = super().handle(request, now, **more)  # type: ignore[arg-type] # passed on
        headers = {**answer.headers, "x-ratelimit-limit": self.header}
        return msgspec.structs.replace(answer, headers=headers)


class Extended(Merged):
    """A gateway that names the window, too."""

    header = "30;w=1"


@pytest.mark.parametrize("server", [Merged, Extended])
def test_a_limit_that_can_not_be_read_is_kept_all_the_same(server: type[Simulator]) -> None:
    """A header that a gateway changed doesn't mean "no limit": the documented one applies."""
    rate, refused = pace_of(World(workspaces=300, server=partial(server, rate=LIMIT)))
    assert 0.9 * LIMIT <= rate <= LIMIT
    assert refused == 0


@pytest.mark.parametrize("window", ["fixed", "sliding"])
@pytest.mark.parametrize("latency", [0.05, 0.5])
def test_beside_another_client_it_takes_what_is_left(window: Window, latency: float) -> None:
    """Another client takes a third of the limit; the rest is used, with hardly a 429."""
    rate, refused = pace_of(limited(window, latency, others=LIMIT // 3))
    assert rate >= 0.93 * LIMIT * 2 / 3
    assert refused <= 0.02


def test_a_jobs_own_rate_holds_from_the_first_request_on() -> None:
    """Plan, apply, resume and undo: never more than ``[pace] rate`` per second."""
    world = World(workspaces=3)
    at: list[float] = []
    world.wire.spies.append(lambda _request: at.append(world.now()))
    world.start(job(pace={"rate": 2}))
    world.resume()
    world.resume()
    assert world.start_undo(PATH, UNDO).operations
    world.resume(path=UNDO)
    assert len(at) > 20
    assert min(later - earlier for earlier, later in pairwise(at)) > 0.9 / 2


def test_a_server_that_goes_down_is_not_hammered() -> None:
    """Until the job gives up, only probes are sent; the same command resumes."""
    world = limited("fixed", 0.04, workspaces=400)
    world.start(job(rollout={"max_failures": "100%"}))
    world.wire.troubles = lambda _request: Trouble("503") if len(world.effects()) >= 50 else None
    with pytest.raises(RetriesSpent, match="503"):
        world.resume()
    assert len(world.wire.asked) < 100 + MOST
    ended = world.journaled().ended
    assert ended is not None
    assert ended.how == How.ERROR
    world.wire.troubles = lambda _request: None
    assert world.resume().count(Outcome.SUCCEEDED) == 400
    assert set(world.effects().values()) == {1}


def test_a_short_disconnection_is_waited_for() -> None:
    """A second without connections costs a few attempts and no operation."""
    world = limited("fixed", 0.04, workspaces=100)
    world.start(job())
    away = range(60, 90)

    def trouble(_request: Request) -> Trouble | None:
        return Trouble(NEVER_LEFT) if len(world.wire.asked) in away else None

    world.wire.troubles = trouble
    assert world.resume().count(Outcome.SUCCEEDED) == 100


def test_a_read_back_from_a_server_that_is_down_leaves_the_operation_in_doubt() -> None:
    """It has no result when the run ends: the next execution reads it back."""
    world = limited("fixed", 0.04, workspaces=200)
    world.start(job(rollout={"max_failures": "100%"}, pace={"settle": "1s"}))
    world.wire.troubles = always(lambda request: request.method == "POST", Trouble("504-after"))
    with pytest.raises(RetriesSpent):
        world.resume()
    assert world.journaled().count(Outcome.IN_DOUBT)
    world.wire.troubles = lambda _request: None
    assert world.resume().count(Outcome.SUCCEEDED) == 200
    assert set(world.effects().values()) == {1}


@pytest.mark.parametrize(
    ("rate", "latency", "expected"),
    [
        (None, 0.5, UNPACED),
        (30.0, 0.0, LEAST_SLOTS),
        (30.0, 0.05, LEAST_SLOTS + 3),
        (30.0, 0.5, LEAST_SLOTS + 30),
        (30.0, 60.0, MOST_SLOTS),
    ],
)
def test_the_latency_determines_the_slots(
    rate: float | None, latency: float, expected: int
) -> None:
    """By Little's law: twice rate times latency, plus a few, within bounds."""
    assert slots_needed(rate, latency) == expected


def test_the_latency_is_measured() -> None:
    """Without any setting, slow answers raise the number in flight, fast ones lower it."""
    most = {}
    for latency in (0.04, 1.0):
        world = limited("fixed", latency, workspaces=150)
        world.apply(job())
        most[latency] = world.wire.most_at_once
    assert most[0.04] <= 8
    assert 28 <= most[1.0] <= 70
