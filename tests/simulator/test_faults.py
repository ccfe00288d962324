"""Faults as data: parsing, drawing, and the effect of a struck request."""

from __future__ import annotations

from collections import Counter

import pytest

from bulkops.api.messages import MEDIA_TYPE, Request, Response
from bulkops.simulator.core import Simulator
from bulkops.simulator.faults import FAULTS, NOTHING, BadFaults, Faults, Manner

HEADERS = {"authorization": "Bearer x", "content-type": MEDIA_TYPE}
GET = Request("GET", "/api/v2/organizations/acme", headers=HEADERS)
DELETE = Request("DELETE", "/api/v2/organizations/acme/workspaces/w", headers=HEADERS)
PING = Request("GET", "/api/v2/ping", headers=HEADERS)


def _drawn(faults: Faults, request: Request, times: int = 2000) -> Counter[str]:
    drawn = [faults.draw(request, 0.0) for _ in range(times)]
    return Counter(fault.kind for fault in drawn if fault)


def test_probabilities_hold() -> None:
    """Over many requests, each fault strikes with about its probability."""
    drawn = _drawn(Faults.parse("503=10%, cut=0.2", 1), GET)
    assert set(drawn) == {"503", "cut"}
    assert 150 < drawn["503"] < 250
    assert 340 < drawn["cut"] < 460


def test_same_seed_same_faults() -> None:
    """The same seed and requests give the same faults; another seed gives others."""

    def kinds(seed: int) -> list[str]:
        faults = Faults.parse("503=30%,cut=30%", seed)
        return [fault.kind if fault else "" for fault in (faults.draw(GET, 0.0) for _ in range(50))]

    assert kinds(1) == kinds(1) != kinds(2)


def test_method_narrows_a_fault() -> None:
    """A fault with a method strikes only that method."""
    faults = Faults.parse("delete:503=100%", 0)
    assert faults.draw(GET, 0.0) is None
    assert faults.draw(DELETE, 0.0) == FAULTS["503"]


def test_ping_is_struck_only_if_named() -> None:
    """A fault without a method spares /ping; PING: strikes only /ping."""
    assert Faults.parse("503=100%", 0).draw(PING, 0.0) is None
    assert Faults.parse("GET:503=100%", 0).draw(PING, 0.0) is None
    faults = Faults.parse("PING:503=100%", 0)
    assert faults.draw(PING, 0.0) == FAULTS["503"]
    assert faults.draw(GET, 0.0) is None


@pytest.mark.parametrize("path", ["/_simulator/effects", "/.well-known/terraform.json"])
def test_nothing_outside_the_api_is_struck(path: str) -> None:
    """The control endpoint and discovery are always answered."""
    assert Faults.parse("503=100%", 0).draw(Request("GET", path), 0.0) is None


def test_empty_spec_is_no_faults() -> None:
    """An empty specification has no faults."""
    assert Faults.parse("", 0).draw(GET, 0.0) is None


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("504=1%", r"unknown fault '504'; one of 429, 500, 502-html"),
        ("HEAD:503=1%", r"unknown method 'HEAD'; one of GET, POST, PATCH, DELETE, PING"),
        ("503", r"'503': a fault needs a probability such as 503=2% or 503=0.02"),
        ("503=", r"needs a probability"),
        ("503=two", r"needs a probability.*, or a time such as 503=20s..45s"),
        ("503=5s..", r"needs a probability"),
        ("503=5..9", r"needs a probability"),
        ("503=9s..9s", r"'503=9s..9s': the time ends before it begins"),
        ("503=-1%", r"between 0 and 100%"),
        ("503=101%", r"between 0 and 100%"),
        ("503=nan", r"between 0 and 100%"),
        ("503=60%,POST:cut=50%", r"faults for POST add up to 110%"),
    ],
)
def test_bad_spec_names_what_is_allowed(spec: str, says: str) -> None:
    """An invalid specification is refused with what is wrong and what is allowed."""
    with pytest.raises(BadFaults, match=says):
        Faults.parse(spec, 0)


@pytest.mark.parametrize("kind", FAULTS)
def test_the_kind_decides_if_a_request_takes_effect(kind: str) -> None:
    """A struck request takes effect or not, by the fault's kind; it is counted by kind."""
    simulator = Simulator()
    simulator.add_organization("acme")
    simulator.add_workspace("w")
    delivery = simulator.deliver(DELETE, 0.0, Faults.parse(f"{kind}=100%", 0))
    fault = FAULTS[kind]
    assert len(simulator.effects) == fault.effect
    assert delivery.manner is fault.manner
    own = Response(204) if fault.effect else NOTHING
    assert delivery.response.status == (fault.answer or own).status
    assert simulator.stats.faults == {kind: 1}
    assert simulator.stats.requests == (not fault.late)


def test_late_request_arrives_in_the_end() -> None:
    """A late request takes effect 3 s after it was lost, before any later request."""
    simulator = Simulator()
    simulator.add_organization("acme")
    simulator.add_workspace("w")
    simulator.deliver(DELETE, 1.0, Faults.parse("late=100%", 0))
    simulator.handle(GET, 3.999)
    assert simulator.effects == []
    assert simulator.handle(DELETE, 5.0).status == 404
    assert [effect.now for effect in simulator.effects] == [4.0]
    assert simulator.stats.requests == 3


def test_late_requests_arrive_in_order() -> None:
    """Late requests arrive in the order in which they were sent, each when it is due."""
    simulator = Simulator()
    simulator.add_organization("acme")
    late = Faults.parse("late=100%", 0)
    for number, name in enumerate("abc"):
        simulator.add_workspace(name)
        path = f"/api/v2/organizations/acme/workspaces/{name}"
        simulator.deliver(Request("DELETE", path, headers=HEADERS), float(number), late)
    control = Request("GET", "/_simulator/effects")
    simulator.handle(control, 4.5)
    assert [effect.names["workspace"] for effect in simulator.effects] == ["a", "b"]
    simulator.handle(control, 5.0)
    assert [effect.now for effect in simulator.effects] == [3.0, 4.0, 5.0]


def test_unstruck_request_is_delivered_whole() -> None:
    """Without faults, the server's answer is delivered unchanged."""
    simulator = Simulator()
    simulator.add_organization("acme")
    delivery = simulator.deliver(GET, 0.0)
    assert (delivery.manner, delivery.response.status) == (Manner.WHOLE, 200)


def test_a_fault_may_strike_everything_for_a_while() -> None:
    """In a period since the first request, all requests are struck, including ``/ping``."""
    faults = Faults.parse("503=2s..1m,close-before=500ms..1.5s", 0)
    struck = [faults.draw(PING, now) for now in (100.0, 100.5, 101.6, 102.0, 159.9, 160.0)]
    assert [fault and fault.kind for fault in struck] == [
        *(None, "close-before", None),
        *("503", "503", None),
    ]


def test_a_period_may_be_for_one_method() -> None:
    """In a period for GET, only reads are struck, or for writes only writes."""
    faults = Faults.parse("DELETE:503=0s..10s", 0)
    assert faults.draw(GET, 0.0) is None
    assert faults.draw(DELETE, 1.0) == FAULTS["503"]


def test_a_period_does_not_change_the_draws() -> None:
    """Periods don't change the draws: the same requests are struck afterwards."""
    plain, after = Faults.parse("cut=30%", 1), Faults.parse("cut=30%,503=0s..1s", 1)
    assert [after.draw(GET, now / 100) for now in range(100)] == [FAULTS["503"]] * 100
    assert [plain.draw(GET, 2.0) for _ in range(50)] == [after.draw(GET, 2.0) for _ in range(50)]
