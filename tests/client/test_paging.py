"""Lists: read whole, in order, each row once, whatever moves meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count

import anyio
import msgspec
import pytest

import bulkops.client.paging
from bulkops.api.jsonapi import Many
from bulkops.api.messages import Request, Response
from bulkops.api.organizations import ProjectResource
from bulkops.client.in_order import in_order
from bulkops.client.paging import MOST_LOOKED_AT, PAGES_AT_ONCE, REREADS, answers
from bulkops.client.rows import Whole
from bulkops.errors import ListMoved, NotFoundOrForbidden, ServerBroken
from tests.client.scripted import Scripted, caller, one_by_one
from tests.virtual_time import run

READ = Request("GET", "/things")


def listing(ids: list[str], *, size: int = 2, totals: bool = True) -> Callable[[Request], Response]:
    """Return a list's answers, as the API pages them."""

    def answer(request: Request) -> Response:
        number = int(dict(request.query)["page[number]"])
        last = max(1, -(-len(ids) // size))
        pagination: dict[str, object] = {"next-page": number + 1 if number < last else None}
        if totals:
            pagination |= {"total-pages": last, "total-count": len(ids)}
        shown = [{"id": one, "type": "projects"} for one in ids[(number - 1) * size :][:size]]
        document = {"data": shown, "meta": {"pagination": pagination}}
        return Response(200, {}, msgspec.json.encode(document))

    return answer


def everything(transport: Scripted) -> list[str]:
    """Return the ids of a whole list, in virtual time."""

    async def scenario() -> list[str]:
        rows = await bulkops.client.paging.everything(
            caller(transport),
            READ,
            Many[ProjectResource],
            lambda page: page.data,
            Whole[ProjectResource],
        )
        return [one.id for one in rows.values()]

    return run(scenario)


NUMBERS = [str(number) for number in range(41)]


@pytest.mark.parametrize("totals", [True, False])
@pytest.mark.parametrize("ids", [[], NUMBERS[:1], NUMBERS[:2], NUMBERS])
def test_a_list_is_read_whole_and_in_order(ids: list[str], *, totals: bool) -> None:
    """Every page is read once, whether or not the list tells its totals."""
    transport = Scripted(listing(ids, totals=totals), seconds=0.1)
    assert everything(transport) == ids
    assert len(transport.sent) == max(1, -(-len(ids) // 2))


def test_pages_are_read_side_by_side_within_bounds() -> None:
    """Where the totals are told, several pages are under way at once, and never more."""
    transport = Scripted(listing(NUMBERS), seconds=0.1)
    everything(transport)
    assert transport.most_under_way == PAGES_AT_ONCE


def test_a_list_that_moved_is_read_again() -> None:
    """When its total changes from one page to the next, the list is read anew."""
    ids = [str(number) for number in range(6)]

    def answer(request: Request) -> Response:
        if dict(request.query)["page[number]"] == "2" and len(ids) == 6:
            ids.append("6")
        return listing(ids)(request)

    transport = Scripted(answer)
    assert everything(transport) == ids
    assert len(transport.sent) == 3 + 4


def test_a_row_that_slipped_through_between_pages_is_found() -> None:
    """A rename may move a row past the page being read, and leave the total as it is."""
    ids = ["b", "c", "d", "z"]

    def answer(request: Request) -> Response:
        if len(transport.sent) == 2:
            ids[:] = ["a", "b", "c", "d"]
        return listing(ids)(request)

    transport = Scripted(answer)
    assert everything(transport) == ["a", "b", "c", "d"]


def test_a_list_that_never_rests_is_an_error() -> None:
    """After a few readings: what may lack rows is never given for the whole."""
    moves = count()

    def answer(request: Request) -> Response:
        return listing([str(number) for number in range(4 + next(moves))])(request)

    transport = Scripted(answer)
    with pytest.raises(ListMoved, match="the list changed each of the 4 times"):
        everything(transport)
    readings = [r for _, r in transport.sent if dict(r.query)["page[number]"] == "1"]
    assert len(readings) == 1 + REREADS


def test_a_repeated_next_page_does_not_go_round_for_ever() -> None:
    """A server whose next page is one that was read has no list to give."""
    body = {"data": [{"id": "a"}], "meta": {"pagination": {"next-page": 1}}}
    transport = one_by_one(Response(200, {}, msgspec.json.encode(body)))
    with pytest.raises(ServerBroken, match="has no end"):
        everything(transport)
    assert len(transport.sent) == 1


def test_pages_that_bring_nothing_new_do_not_go_on_for_ever() -> None:
    """A next page that is always one more, with the same rows, is no list."""
    bodies = [{"data": [{"id": "a"}], "meta": {"pagination": {"next-page": n}}} for n in (2, 3, 4)]
    answers = [Response(200, {}, msgspec.json.encode(body)) for body in bodies]
    with pytest.raises(ServerBroken, match="has no end"):
        everything(one_by_one(*answers))


@pytest.mark.parametrize("pages", [10**9, 20_001])
def test_more_pages_than_any_organization_has_are_not_asked_for(pages: int) -> None:
    """The number is the server's; believing it would fill the memory."""
    body = {"data": [{"id": "a"}], "meta": {"pagination": {"total-pages": pages}}}
    transport = one_by_one(Response(200, {}, msgspec.json.encode(body)))
    with pytest.raises(ServerBroken, match="has no end"):
        everything(transport)
    assert len(transport.sent) == 1


def test_one_workspace_has_no_endless_list_either() -> None:
    """Reading back gives up after so many pages."""

    def answer(request: Request) -> Response:
        following = int(dict(request.query)["page[number]"]) + 1
        body = {"data": [], "meta": {"pagination": {"next-page": following}}}
        return Response(200, {}, msgspec.json.encode(body))

    transport = Scripted(answer)

    async def scenario() -> list[Response]:
        return await answers(caller(transport), READ)

    with pytest.raises(ServerBroken, match="has no end"):
        run(scenario)
    assert len(transport.sent) == MOST_LOOKED_AT


def test_a_short_list_gives_its_answers_as_they_are() -> None:
    """Page after page, undecoded: what a kind of operation reads for itself."""
    transport = Scripted(listing(NUMBERS[:5]))

    async def scenario() -> list[Response]:
        return await answers(caller(transport), READ)

    assert [len(msgspec.json.decode(one.body)["data"]) for one in run(scenario)] == [2, 2, 1]


def test_a_page_that_can_not_be_read_fails_the_list() -> None:
    """One bad page is an error, as it is and not in a group, never a shorter list."""

    def answer(request: Request) -> Response:
        if dict(request.query)["page[number]"] == "3":
            return Response(404)
        return listing(NUMBERS)(request)

    with pytest.raises(NotFoundOrForbidden):
        everything(Scripted(answer, seconds=0.1))


def numbers(*seconds: float) -> list[Callable[[], Awaitable[int]]]:
    """Return calls that each take so long and return their place."""

    async def one(place: int) -> int:
        await anyio.sleep(seconds[place])
        return place

    return [partial(one, place) for place in range(len(seconds))]


def test_results_come_in_the_order_of_the_calls() -> None:
    """The fastest call does not come first in the results."""

    async def scenario() -> list[int]:
        taken: list[int] = []
        await in_order(numbers(3, 2, 1, 0, 5), taken.append, at_once=3)
        return taken

    assert run(scenario) == [0, 1, 2, 3, 4]


def test_the_first_error_is_raised_and_starts_nothing_more() -> None:
    """What is under way ends, what waits never starts, and the error that came first is raised."""
    started: list[int] = []
    taken: list[int] = []

    async def fail(number: int) -> int:
        started.append(number)
        await anyio.sleep(3 - number)
        raise ValueError(number)

    async def scenario() -> None:
        await in_order([partial(fail, number) for number in (1, 2, 3)], taken.append, at_once=2)

    with pytest.raises(ValueError, match="2"):
        run(scenario)
    assert (started, taken) == ([1, 2], [])


def page_of(ids: list[str], **pagination: object) -> Response:
    """Return one page of a list."""
    rows = [{"id": one} for one in ids]
    body = {"data": rows, "meta": {"pagination": pagination}}
    return Response(200, {}, msgspec.json.encode(body))


@pytest.mark.parametrize(
    ("limit", "most"), [("MOST_PAGES", 5), ("MOST_ROWS", 5), ("FIRST_BYTES", -(10**5))]
)
def test_pages_that_always_bring_something_new_end_as_well(
    monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    """Pages, rows and bytes of a list are counted: it can't fill the memory."""
    monkeypatch.setattr(bulkops.client.paging, limit, most)

    def answer(request: Request) -> Response:
        number = int(dict(request.query)["page[number]"])
        return page_of([str(number)], **{"next-page": number + 1})

    transport = Scripted(answer)
    with pytest.raises(ServerBroken, match="has no end"):
        everything(transport)
    assert len(transport.sent) <= 6


@pytest.mark.parametrize("empty", ["1", "2"])
def test_an_empty_page_in_the_middle_is_a_list_that_moved(empty: str) -> None:
    """Thousands of pages are not asked for where an early one has nothing: it is read anew."""

    def answer(request: Request) -> Response:
        number = dict(request.query)["page[number]"]
        return page_of([] if number == empty else [number], **{"total-pages": 1000})

    transport = Scripted(answer, seconds=0.1)
    with pytest.raises(ListMoved, match="the list changed each of the 4 times"):
        everything(transport)
    assert len(transport.sent) <= (1 + REREADS) * (1 + PAGES_AT_ONCE)


def test_a_workspaces_list_is_no_larger_than_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of operations read back at once: each may hold a little only."""
    monkeypatch.setattr(bulkops.client.paging, "LARGEST_LOOKED_AT", 10)

    async def scenario() -> list[Response]:
        return await answers(caller(one_by_one(page_of(["a"]))), READ)

    with pytest.raises(ServerBroken, match="has no end"):
        run(scenario)
