"""The table of ``bulkops.api.verdict`` holds, cell by cell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.api import verdict
from bulkops.api.failures import error_of
from bulkops.api.messages import Request, Response
from bulkops.api.verdict import InDoubt, Refused, Retry, Succeeded, Verdict, classify, is_missing
from bulkops.errors import ApiError, NoResponse, RetriesSpent, ServerBroken
from tests.docstrings import rows

READ = Request("GET", "/x")
WRITES = [Request(method, "/x") for method in ("POST", "PATCH", "DELETE")]


def statuses(*numbers: int) -> list[Response | NoResponse]:
    """Return answers with these statuses."""
    return [Response(number) for number in numbers]


ANSWERS: dict[str, list[Response | NoResponse]] = {
    "2xx": statuses(200, 201, 202, 204, 299),
    "401": statuses(401),
    "425, 429": statuses(425, 429),
    "other 1xx, 3xx, 4xx": statuses(100, 101, 301, 304, 307, 400, 403, 404, 409, 415, 422, 499),
    "408, 5xx": statuses(408, 500, 501, 502, 503, 504, 599),
    "no answer; the request was never sent": [NoResponse("refused", sent=False)],
    "no answer, with a lasting cause (TLS)": [NoResponse("TLS", sent=False, lasting=True)],
    "no answer otherwise, or a truncated one": [NoResponse("reset", sent=True)],
}
VERDICTS: dict[str, type[Verdict]] = {
    one.__name__: one for one in (Succeeded, Refused, Retry, InDoubt)
}
TABLE = rows(verdict, "answer")


def test_every_row_is_tested() -> None:
    """Every row of the table has test cases."""
    assert list(TABLE) == list(ANSWERS)


@pytest.mark.parametrize("row", ANSWERS)
def test_each_answer_has_the_tables_meaning(row: str) -> None:
    """Each cell of the table holds, for every method that writes."""
    for_a_read, for_a_write = (VERDICTS[cell.split(";")[0].split(":")[0]] for cell in TABLE[row])
    for answer in ANSWERS[row]:
        assert type(classify(READ, answer)) is for_a_read
        assert {type(classify(write, answer)) for write in WRITES} == {for_a_write}
        assert classify(READ, answer).answer is answer


@given(st.integers(100, 599), st.sampled_from(WRITES))
def test_a_write_is_sent_again_only_where_it_was_not_carried_out(
    status: int, write: Request
) -> None:
    """Of all statuses, only 425 and 429 allow a write to be sent again."""
    assert isinstance(classify(write, Response(status)), Retry) == (status in (425, 429))


@given(sent=st.booleans(), lasting=st.booleans(), write=st.sampled_from(WRITES))
def test_a_write_that_may_have_arrived_is_never_just_sent_again(
    *, sent: bool, lasting: bool, write: Request
) -> None:
    """Without an answer, a write is sent again only if it can't have arrived."""
    meant = classify(write, NoResponse("", sent=sent, lasting=lasting))
    assert isinstance(meant, Retry) == (not sent and not lasting)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 422, 500, 501, 503])
def test_an_optional_read_is_missing_on_a_server_without_it(status: int) -> None:
    """Servers answer an unknown path in many ways."""
    assert is_missing(error_of(READ, Response(status)))


@pytest.mark.parametrize(
    "error",
    [
        error_of(READ, Response(401)),
        error_of(READ, Response(429)),
        ServerBroken("unreadable", status=200),
        NoResponse("reset", sent=True),
        RetriesSpent("an outage"),
    ],
)
def test_other_failures_do_not_show_that_an_endpoint_is_missing(error: ApiError) -> None:
    """A bad token, a rate limit, an outage and a list that contradicts itself end the read."""
    assert not is_missing(error)
