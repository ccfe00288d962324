"""Lists are read completely, in order, each row once, even if they change meanwhile."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any

import anyio
import msgspec
import pytest

import bulkops.client.paging
from bulkops.api.jsonapi import Many
from bulkops.api.messages import Request, Response
from bulkops.api.organizations import ProjectResource
from bulkops.client.in_order import in_order
from bulkops.client.paging import MOST_SHORT_PAGES, PAGES_AT_ONCE, REREADS, answers
from bulkops.client.rows import Whole
from bulkops.errors import ListMoved, NotFoundOrForbidden, ServerBroken
from tests.client.scripted import Scripted, caller, one_by_one
from tests.virtual_time import run

READ = Request("GET", "/things")


def listing(ids: list[str], *, size: int = 2, totals: bool = True) -> Callable[[Request], Response]:
    """Return the answers for a list, paged like the API's."""

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
    """Every page is read once, whether the list shows totals or not."""
    transport = Scripted(listing(ids, totals=totals), seconds=0.1)
    assert everything(transport) == ids
    assert len(transport.sent) == max(1, -(-len(ids) // 2))


LAST = {
    "data": [{"id": str(number), "type": "projects"} for number in range(100, 150)],
    "links": {"self": "?page%5Bnumber%5D=2", "next": None},
    "meta": {
        "pagination": {
            "current-page": 2, "page-size": 100, "next-page": None, "total-pages": 2,
            "total-count": 150,
        }
    },
}  # fmt: skip
FULL = {
    "data": [{"id": str(number), "type": "projects"} for number in range(100)],
    "links": {"self": "?page%5Bnumber%5D=1", "next": "?page%5Bnumber%5D=2"},
    "meta": {
        "pagination": {
            "current-page": 1, "page-size": 100, "next-page": 2, "total-pages": 2,
            "total-count": 150,
        }
    },
}  # fmt: skip
PAGING = [("meta",), ("links",), ("links", "next"), ("meta", "pagination")] + [
    ("meta", "pagination", name)
    for name in ("current-page", "page-size", "next-page", "total-pages", "total-count")
]
GONE = "gone"


@pytest.mark.parametrize("path", PAGING, ids="/".join)
@pytest.mark.parametrize("value", [GONE, None, "2", "odd", True, [], {}], ids=str)
@pytest.mark.parametrize("every", [True, False])
def test_a_paging_member_that_can_not_be_read_never_shortens_a_list(
    path: tuple[str, ...], value: object, *, every: bool
) -> None:
    """Whatever one paging member is, on one page or on all, the list is whole or refused."""

    def answer(request: Request) -> Response:
        number = int(dict(request.query)["page[number]"])
        document: Any = copy.deepcopy((FULL, LAST)[number - 1]) if number < 3 else {"data": []}
        if every or number == 1:
            place = document
            for key in path[:-1]:
                place = place.get(key, {})
            if value is GONE:
                place.pop(path[-1], None)
            else:
                place[path[-1]] = value
        return Response(200, {}, msgspec.json.encode(document))

    with suppress(ServerBroken):
        assert len(everything(Scripted(answer))) == 150


def test_a_full_page_with_a_link_and_without_meta_is_read_on() -> None:
    """`links.next` says that another page follows."""

    def answer(request: Request) -> Response:
        document = (FULL, LAST)[int(dict(request.query)["page[number]"]) - 1]
        shown = {name: value for name, value in document.items() if name != "meta"}
        return Response(200, {}, msgspec.json.encode(shown))

    assert len(everything(Scripted(answer))) == 150


def test_pages_are_read_side_by_side_within_bounds() -> None:
    """With known totals, several pages are read concurrently, up to a limit."""
    transport = Scripted(listing(NUMBERS), seconds=0.1)
    everything(transport)
    assert transport.most_under_way == PAGES_AT_ONCE


def test_a_list_that_moved_is_read_again() -> None:
    """If the total changes between two pages, the list is read again."""
    ids = [str(number) for number in range(6)]

    def answer(request: Request) -> Response:
        if dict(request.query)["page[number]"] == "2" and len(ids) == 6:
            ids.append("6")
        return listing(ids)(request)

    transport = Scripted(answer)
    assert everything(transport) == ids
    assert len(transport.sent) == 3 + 4


def test_a_row_that_slipped_through_between_pages_is_found() -> None:
    """A rename that moves a row past the page being read is noticed, with the same total."""
    ids = ["b", "c", "d", "z"]

    def answer(request: Request) -> Response:
        if len(transport.sent) == 2:
            ids[:] = ["a", "b", "c", "d"]
        return listing(ids)(request)

    transport = Scripted(answer)
    assert everything(transport) == ["a", "b", "c", "d"]


def test_a_list_that_keeps_changing_is_an_error() -> None:
    """After a few readings of a changing list, an error is raised instead of a partial list."""
    moves = count()

    def answer(request: Request) -> Response:
        return listing([str(number) for number in range(4 + next(moves))])(request)

    transport = Scripted(answer)
    with pytest.raises(ListMoved, match="the list changed each of the 4 times") as caught:
        everything(transport)
    assert "Perhaps a job is running" in str(caught.value)
    readings = [r for _, r in transport.sent if dict(r.query)["page[number]"] == "1"]
    assert len(readings) == 1 + REREADS


def test_a_repeated_next_page_does_not_loop_forever() -> None:
    """A next page that was already read is an error."""
    body = {"data": [{"id": "a"}], "meta": {"pagination": {"next-page": 1}}}
    transport = one_by_one(Response(200, {}, msgspec.json.encode(body)))
    with pytest.raises(ServerBroken, match="has no end"):
        everything(transport)
    assert len(transport.sent) == 1


def test_pages_without_new_rows_do_not_loop_forever() -> None:
    """Further pages with the same rows are an error."""
    bodies = [{"data": [{"id": "a"}], "meta": {"pagination": {"next-page": n}}} for n in (2, 3, 4)]
    answers = [Response(200, {}, msgspec.json.encode(body)) for body in bodies]
    with pytest.raises(ServerBroken, match="has no end"):
        everything(one_by_one(*answers))


@pytest.mark.parametrize("pages", [10**9, 20_001])
def test_an_impossible_number_of_pages_is_rejected(pages: int) -> None:
    """An impossible number of pages is rejected before it fills the memory."""
    body = {"data": [{"id": "a"}], "meta": {"pagination": {"total-pages": pages}}}
    transport = one_by_one(Response(200, {}, msgspec.json.encode(body)))
    with pytest.raises(ServerBroken, match="has no end"):
        everything(transport)
    assert len(transport.sent) == 1


def test_a_workspaces_list_ends_too() -> None:
    """Reading a workspace's list ends after a maximum number of pages."""

    def answer(request: Request) -> Response:
        number = int(dict(request.query)["page[number]"])
        body = {"data": [{"id": str(number)}], "meta": {"pagination": {"next-page": number + 1}}}
        return Response(200, {}, msgspec.json.encode(body))

    transport = Scripted(answer)

    async def scenario() -> list[Response]:
        return await answers(caller(transport), READ)

    with pytest.raises(ServerBroken, match="has no end"):
        run(scenario)
    assert len(transport.sent) == MOST_SHORT_PAGES


def test_a_short_list_gives_its_answers_as_they_are() -> None:
    """The pages' answers are returned undecoded, for kinds that read them themselves."""
    transport = Scripted(listing(NUMBERS[:5]))

    async def scenario() -> list[Response]:
        return await answers(caller(transport), READ)

    assert [len(msgspec.json.decode(one.body)["data"]) for one in run(scenario)] == [2, 2, 1]


def test_a_page_that_can_not_be_read_fails_the_list() -> None:
    """One unreadable page raises its own error, not a group, and no shorter list."""

    def answer(request: Request) -> Response:
        if dict(request.query)["page[number]"] == "3":
            return Response(404)
        return listing(NUMBERS)(request)

    with pytest.raises(NotFoundOrForbidden):
        everything(Scripted(answer, seconds=0.1))


def numbers(*seconds: float) -> list[Callable[[], Awaitable[int]]]:
    """Return calls that take some time and return their index."""

    async def one(place: int) -> int:
        await anyio.sleep(seconds[place])
        return place

    return [partial(one, place) for place in range(len(seconds))]


def test_results_come_in_the_order_of_the_calls() -> None:
    """Results are delivered in order, even if a later call is faster."""

    async def scenario() -> list[int]:
        taken: list[int] = []
        await in_order(numbers(3, 2, 1, 0, 5), taken.append, at_once=3)
        return taken

    assert run(scenario) == [0, 1, 2, 3, 4]


def test_the_first_error_is_raised_and_starts_nothing_more() -> None:
    """After the first error no call is started, and running calls finish."""
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
    """Pages, rows and bytes are limited, so a list can't fill the memory."""
    monkeypatch.setattr(bulkops.client.paging, limit, most)

    def answer(request: Request) -> Response:
        number = int(dict(request.query)["page[number]"])
        return page_of([str(number)], **{"next-page": number + 1})

    transport = Scripted(answer)
    with pytest.raises(ServerBroken, match="has no end"):
        everything(transport)
    assert len(transport.sent) <= 6


@pytest.mark.parametrize("empty", ["1", "2", "5"])
def test_an_empty_page_in_the_middle_is_named(empty: str) -> None:
    """An empty page in the middle ends the reading, and a second time is an error."""

    def answer(request: Request) -> Response:
        number = dict(request.query)["page[number]"]
        return page_of([] if number == empty else [number], **{"total-pages": 1000})

    transport = Scripted(answer, seconds=0.1)
    message = f"reports 1000 pages for the list, but page {empty} is empty, each time it is read"
    with pytest.raises(ServerBroken, match=message):
        everything(transport)
    assert len(transport.sent) <= 2 * (1 + 2 * PAGES_AT_ONCE)


TOTAL_60: dict[str, Any] = {"total-count": 60}
ONE_PAGE: dict[str, Any] = {"total-count": 100, "total-pages": 1}
THREE_PAGES: dict[str, Any] = {"total-count": 60, "total-pages": 3}


def silent(
    ids: list[str],
    *,
    size: int = 100,
    link: str | None = "/things?page%5Bnumber%5D={}",
    **pagination: Any,
) -> Scripted:
    """Return a server that shows only the given paging facts, and where ``links.next`` points."""

    def answer(request: Request) -> Response:
        number = int(dict(request.query)["page[number]"])
        more = ids[number * size :]
        rows = [{"id": one} for one in ids[(number - 1) * size :][:size]]
        document: dict[str, object] = {"data": rows}
        if link is not None:
            following = link.format(number + 1) if more else None
            document["links"] = {"self": "/things", "next": following}
        if pagination:
            document["meta"] = {"pagination": pagination}
        return Response(200, {}, msgspec.json.encode(document))

    return Scripted(answer)


MANY = [str(number) for number in range(250)]
ELSEWHERE = "https://evil.example/x?page%5Bnumber%5D={}&page%5Bsize%5D=1&token=1"


@pytest.mark.parametrize("count", [0, 1, 20, 99, 100, 101, 150, 200, 250])
@pytest.mark.parametrize(
    "link",
    ["/things?page%5Bnumber%5D={}", "?page[number]={}", "/things?cursor={}", ELSEWHERE, "{}", None],
)
def test_a_list_without_totals_is_read_on(count: int, link: str | None) -> None:
    """Without totals, links are followed by page number, or pages are read until one isn't full."""
    transport = silent(MANY[:count], link=link)
    assert everything(transport) == MANY[:count]
    assert len(transport.sent) <= count // 100 + 1 + (count == 20)
    assert {request.path for _, request in transport.sent} == {"/things"}
    assert {dict(request.query)["page[size]"] for _, request in transport.sent} == {"100"}
    assert all(not request.headers for _, request in transport.sent)


@pytest.mark.parametrize("count", [0, 19, 20, 40, 45])
def test_small_pages_without_totals_are_read_on(count: int) -> None:
    """A server that ignores the size gives the API's default, or reports its own."""
    assert everything(silent(MANY[:count], size=20, link=None)) == MANY[:count]
    server_of_15 = silent(MANY[:count], size=15, link=None, **{"page-size": 15})
    assert everything(server_of_15) == MANY[:count]


@pytest.mark.parametrize(
    "pagination",
    [
        {"total-count": 250},
        {"total-count": 250, "total-pages": 1},
        {"total-count": 250, "total-pages": 2, "next-page": None},
        {"total-count": 250, "total-pages": 3},
        {"total-count": 250, "total-pages": 3, "next-page": None},
    ],
)
@pytest.mark.parametrize("size", [20, 50, 100])
def test_a_total_that_promises_more_is_read_on(size: int, pagination: dict[str, object]) -> None:
    """A total counts more than a number of pages computed from another size."""
    transport = silent(MANY, size=size, link=None, **pagination)
    assert everything(transport) == MANY
    assert len(transport.sent) <= 250 // size + 2


@pytest.mark.parametrize(
    ("server", "message"),
    [
        (
            silent(MANY[:59], **TOTAL_60),
            "/things: the server reports 60 rows for the list, but shows 59, each time it is",
        ),
        (silent(MANY[:61], **TOTAL_60), "60 rows for the list, but shows 61"),
        (silent(MANY[:150], **ONE_PAGE), "100 rows for the list, but shows 150"),
        (
            silent(MANY[:40], size=20, **THREE_PAGES),
            "the server's pages have 20 rows, but 100 were requested; the server reports 60 rows "
            "for the list, but shows 40",
        ),
        (
            one_by_one(page_of(MANY[:20], **{"total-count": 60, "total-pages": 1})),
            "the server's pages have 20 rows, but 100 were requested; the server reports 60 rows "
            "for the list, but shows 20",
        ),
        (
            one_by_one(page_of(MANY[:20], **{"total-count": 60, "total-pages": 3})),
            "the server's pages have 20 rows, but",
        ),
    ],
)
def test_wrong_totals_are_named(server: Scripted, message: str) -> None:
    """If a list is the same again, the error names its total and the rows it shows."""
    with pytest.raises(ServerBroken) as broken:
        everything(server)
    assert not isinstance(broken.value, ListMoved)
    assert message in str(broken.value)


def test_totals_that_differ_by_page_are_named() -> None:
    """The error names both totals."""

    def answer(request: Request) -> Response:
        number = int(dict(request.query)["page[number]"])
        return page_of([str(number)], **{"total-pages": 2, "total-count": number})

    with pytest.raises(ServerBroken, match="reports 1 or 2 rows for the list, but shows 2"):
        everything(Scripted(answer))


def test_a_repeated_full_page_is_an_error() -> None:
    """A server that ignores the page number may have more rows than the first page."""
    transport = one_by_one(page_of(MANY[:100]))
    with pytest.raises(ServerBroken, match="sends the same full page again and doesn't show"):
        everything(transport)
    assert len(transport.sent) == 2


@pytest.mark.parametrize("count", [20, 150])
def test_a_list_without_pages_is_complete(count: int) -> None:
    """More rows than requested, or the same again, are the complete list."""
    assert everything(one_by_one(page_of(MANY[:count]))) == MANY[:count]


def test_links_of_any_shape_are_read_or_ignored() -> None:
    """Link objects are read as in JSON:API; anything else is not a link."""
    links: list[object] = [None, [], {}, {"next": 5}, {"next": ""}, {"next": []}, {"next": {}}]
    for link in links:
        body = {"data": [{"id": "a"}], "links": link}
        assert everything(one_by_one(Response(200, {}, msgspec.json.encode(body)))) == ["a"]
    for link in ({"next": {"href": "/things?page[number]=2"}}, {"next": "http://[x/?page=2"}):
        first = {"data": [{"id": "a"}], "links": link}
        second = {"data": [{"id": "b"}], "links": {"next": None}}
        bodies = (Response(200, {}, msgspec.json.encode(body)) for body in (first, second))
        assert everything(one_by_one(*bodies)) == ["a", "b"]


def test_links_beyond_the_total_are_ignored() -> None:
    """Links that a gateway adds are not followed beyond the total."""
    totals = {"total-pages": 1, "total-count": 1, "next-page": None}
    for following in (1, 2, 99):
        body = {
            "data": [{"id": "a"}],
            "links": {"next": ELSEWHERE.format(following)},
            "meta": {"pagination": totals},
        }
        transport = one_by_one(Response(200, {}, msgspec.json.encode(body)))
        assert everything(transport) == ["a"]
        assert len(transport.sent) == 1
    totals = {"total-pages": 1, "total-count": 100}
    full = page_of(MANY[:100], **totals)
    pages = [
        msgspec.structs.replace(page, body=page.body[:-1] + b',"links":{"next":"?page=9"}}')
        for page in (full, page_of([], **totals))
    ]
    assert everything(one_by_one(*pages)) == MANY[:100]


def test_a_link_back_does_not_loop_forever() -> None:
    """A link back is an error, unless the total is reached."""
    link = {"links": {"next": "/things?page[number]=1"}}
    body: dict[str, object] = {"data": [{"id": "a"}], **link}
    with pytest.raises(ServerBroken, match="has no end"):
        everything(one_by_one(Response(200, {}, msgspec.json.encode(body))))
    body["meta"] = {"pagination": {"total-pages": 1, "total-count": 1}}
    assert everything(one_by_one(Response(200, {}, msgspec.json.encode(body)))) == ["a"]


def short(transport: Scripted) -> list[str]:
    """Return the ids in the answers for a short list."""

    async def scenario() -> list[Response]:
        return await answers(caller(transport), READ)

    return [row["id"] for one in run(scenario) for row in msgspec.json.decode(one.body)["data"]]


@pytest.mark.parametrize("count", [0, 1, 100, 150])
def test_a_short_list_without_totals_is_read_on_as_well(count: int) -> None:
    """Reading back must not miss the attachment that was just created."""
    assert short(silent(MANY[:count])) == MANY[:count]
    assert short(silent(MANY[:count], link=None)) == MANY[:count]
    totals: dict[str, Any] = {"total-pages": -(-count // 100), "total-count": count}
    assert short(silent(MANY[:count], link=None, **totals)) == MANY[:count]


def test_a_short_list_follows_the_rules_of_long_ones() -> None:
    """One that moved is read again, and one with wrong totals is an error."""
    ids = [str(number) for number in range(4)]

    def answer(request: Request) -> Response:
        if dict(request.query)["page[number]"] == "2" and len(ids) == 4:
            ids.append("4")
        return listing(ids)(request)

    assert short(Scripted(answer)) == ids
    with pytest.raises(ServerBroken, match="reports 60 rows for the list, but shows 59"):
        short(silent(MANY[:59], **TOTAL_60))

    moves = count()

    def grown(request: Request) -> Response:
        return listing([str(number) for number in range(4 + next(moves))])(request)

    with pytest.raises(ListMoved):
        short(Scripted(grown))


def test_a_workspaces_list_is_no_larger_than_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of hundreds of concurrent readings may only take a little memory."""
    monkeypatch.setattr(bulkops.client.paging, "MOST_SHORT_BYTES", 10)

    async def scenario() -> list[Response]:
        return await answers(caller(one_by_one(page_of(["a"]))), READ)

    with pytest.raises(ServerBroken, match="has no end"):
        run(scenario)
