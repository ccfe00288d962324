"""What answers and readings mean: both tables of ``bulkops.api.verdict``, cell by cell."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bulkops.api.verdict
from bulkops.api.messages import Request, Response
from bulkops.api.verdict import (
    Cause,
    InDoubt,
    Refused,
    Retry,
    Shown,
    Step,
    Succeeded,
    Verdict,
    classify,
    compare,
    resolve,
)
from bulkops.errors import NoResponse
from bulkops.operations.model import Operation, Seen, Target

READ = Request("GET", "/x")
WRITES = [Request(method, "/x") for method in ("POST", "PATCH", "DELETE")]


def rows(heading: str) -> dict[str, list[str]]:
    """Return one of the docstring's tables: the first cell of each row → its other cells."""
    lines = iter((bulkops.api.verdict.__doc__ or "").splitlines())
    next(line for line in lines if line.startswith(f"| {heading} "))
    next(lines)

    def cells() -> Iterator[list[str]]:
        for line in lines:
            if not line.startswith("|"):
                return
            yield [cell.strip() for cell in line.strip("|").split("|")]

    return {first: others for first, *others in cells()}


def statuses(*numbers: int) -> list[Response | NoResponse]:
    """Return answers with these statuses."""
    return [Response(number) for number in numbers]


ANSWERS: dict[str, list[Response | NoResponse]] = {
    "2xx": statuses(200, 201, 202, 204, 299),
    "401": statuses(401),
    "429": statuses(429),
    "other 1xx, 3xx, 4xx": statuses(100, 101, 301, 304, 307, 400, 403, 404, 409, 415, 422, 499),
    "408, 5xx": statuses(408, 500, 501, 502, 503, 504, 599),
    "no answer, the request never left": [NoResponse("refused", sent=False)],
    "no answer, and there never will be (TLS)": [NoResponse("TLS", sent=False, lasting=True)],
    "no answer otherwise, or a cut one": [NoResponse("reset", sent=True)],
}
VERDICTS: dict[str, type[Verdict]] = {
    verdict.__name__: verdict for verdict in (Succeeded, Refused, Retry, InDoubt)
}
FIRST = rows("answer")
SECOND = rows("the server shows")
COLUMNS = {
    "lost, unsettled": (Cause.LOST, False),
    "lost, settled": (Cause.LOST, True),
    "refused": (Cause.REFUSED, True),
}


def test_the_first_tables_rows_are_the_ones_tested() -> None:
    """No row of the table goes without a test."""
    assert list(FIRST) == list(ANSWERS)


@pytest.mark.parametrize("row", ANSWERS)
def test_each_answer_means_what_the_table_says(row: str) -> None:
    """Each cell of the first table holds, for every method that writes."""
    for_a_read, for_a_write = (VERDICTS[cell.split(";")[0].split(":")[0]] for cell in FIRST[row])
    for answer in ANSWERS[row]:
        assert type(classify(READ, answer)) is for_a_read
        assert {type(classify(write, answer)) for write in WRITES} == {for_a_write}
        assert classify(READ, answer).answer is answer


@given(st.integers(100, 599), st.sampled_from(WRITES))
def test_a_write_is_sent_again_only_where_it_was_not_carried_out(
    status: int, write: Request
) -> None:
    """Of all statuses, only a 429 says that a write did not happen and may be repeated."""
    assert isinstance(classify(write, Response(status)), Retry) == (status == 429)


@given(sent=st.booleans(), lasting=st.booleans(), write=st.sampled_from(WRITES))
def test_a_write_that_may_have_arrived_is_never_just_sent_again(
    *, sent: bool, lasting: bool, write: Request
) -> None:
    """Without an answer, a write is repeated only where it certainly never left."""
    verdict = classify(write, NoResponse("", sent=sent, lasting=lasting))
    assert isinstance(verdict, Retry) == (not sent and not lasting)


def test_a_retry_waits_as_long_as_the_server_asks() -> None:
    """The server's own wait travels with the verdict."""
    for answer in (
        Response(429, {"x-ratelimit-reset": "0.7"}),
        Response(503, {"retry-after": "0.7"}),
    ):
        assert classify(READ, answer) == Retry(0.7, answer)


def step_of(cell: str, *, settled: bool) -> str:
    """Return the step a cell of the second table names."""
    first, _, then = cell.partition(", then ")
    if then:
        return then if settled else first
    return cell.partition(":")[0]


@pytest.mark.parametrize("shown", Shown)
@pytest.mark.parametrize("column", [*COLUMNS, "answered, no echo"])
def test_each_reading_leads_where_the_table_says(shown: Shown, column: str) -> None:
    """Each cell of the second table holds, settled and not where it tells the two apart."""
    header = ["lost, unsettled", "lost, settled", "refused", "answered, no echo"]
    cell = SECOND[shown.value][header.index(column)]
    cases = [COLUMNS[column]] if column in COLUMNS else [(Cause.NO_ECHO, s) for s in (False, True)]
    for cause, settled in cases:
        step = resolve(shown, cause, lost_before=cause is Cause.LOST, settled=settled)
        expected = step_of(cell, settled=settled).lower()
        assert step.value == expected


@pytest.mark.parametrize("settled", [False, True])
def test_refused_after_a_loss_may_be_our_own_doing(*, settled: bool) -> None:
    """A refusal after a lost answer adopts what is as wanted as ours: the lost one did it."""
    step = resolve(Shown.WANTED, Cause.REFUSED, lost_before=True, settled=settled)
    assert step is Step.ADOPT


def test_the_second_tables_rows_are_all_there_is() -> None:
    """Whatever a server shows is one of the table's rows."""
    assert list(SECOND) == [shown.value for shown in Shown]


BEFORE = Seen("wstask-1", {"enforcement-level": "advisory"})
WANTED = {"enforcement-level": "mandatory"}
OTHER = Seen("wstask-1", {"enforcement-level": "other"})


@pytest.mark.parametrize(
    ("before", "wanted", "seen", "shown"),
    [
        (None, WANTED, [], Shown.BEFORE),
        (None, WANTED, [Seen("wstask-9", WANTED)], Shown.WANTED),
        (None, WANTED, [OTHER], Shown.OTHER),
        (None, WANTED, [Seen("wstask-8", WANTED), Seen("wstask-9", WANTED)], Shown.SEVERAL),
        (BEFORE, WANTED, [], Shown.OTHER),
        (BEFORE, WANTED, [BEFORE], Shown.BEFORE),
        (BEFORE, WANTED, [Seen("wstask-1", WANTED)], Shown.WANTED),
        (BEFORE, WANTED, [OTHER], Shown.OTHER),
        (BEFORE, None, [], Shown.WANTED),
        (BEFORE, None, [BEFORE], Shown.BEFORE),
        (BEFORE, None, [OTHER], Shown.OTHER),
        (BEFORE, None, [Seen("wstask-9", BEFORE.attributes)], Shown.OTHER),
    ],
)
def test_a_reading_is_compared_with_before_and_wanted(
    before: Seen | None, wanted: dict[str, object] | None, seen: list[Seen], shown: Shown
) -> None:
    """Absent, as before, as wanted, anything else: for attach, update and detach alike."""
    operation = Operation("attach", Target("ws-1", "prod"), before, wanted)
    assert compare(operation, seen) is shown
