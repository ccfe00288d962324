"""A fleet's report as JUnit XML."""

from __future__ import annotations

from typing import Any

from junitparser import Error, Skipped
from msgspec.structs import replace

from bulkops.fleet.report.junit import document
from bulkops.fleet.report.model import FleetReport
from bulkops.fleet.waves import State
from tests.fleet.report.samples import fleet, hostile_fleet, of_every_state, shard
from tests.report.html.samples import undo
from tests.report.test_junit import checked

LATER = shard("later", state=State.NOT_BEGUN)


def suites(report: FleetReport, *, only_failed: bool = False) -> Any:
    """Return the testsuites as junitparser reads them, after checking the schemas' rules."""
    return checked("".join(document(report, only_failed=only_failed)))


def test_a_shard_is_a_testsuite() -> None:
    """It has all its operations, in whatever wave, and what was skipped when planned."""
    xml = suites(of_every_state())
    assert xml.name == "nightly"
    assert {suite.name: suite.tests for suite in xml} == {
        "acme-canary": 12, "acme-eu": 14, "acme-gone": 1, "acme-later": 1, "acme-staged": 300,
    }  # fmt: skip
    (eu,) = (suite for suite in xml if suite.name == "acme-eu")
    assert (eu.failures, eu.errors) == (4, 1)
    known = {one.name: one.value for one in eu.properties()}
    assert (known["shard"], known["organization"]) == ("acme-eu", "acme")
    assert known["journal"] == ".bulkops/nightly/acme-eu/scan/1.jsonl"


def test_the_class_name_has_the_shard() -> None:
    """A workspace of the same name exists in several organizations."""
    names = {case.classname for suite in suites(of_every_state()) for case in suite}
    assert "bulkops.attach.acme-canary" in names
    assert "bulkops.attach.acme-gone" in names
    (reverted,) = {case.classname for case in next(iter(suites(fleet(shard("acme-1", undo())))))}
    assert reverted == "bulkops.undo.attach.acme-1"


def test_a_shard_without_a_journal_has_one_testcase() -> None:
    """An error is one, in its own words; what has not begun is skipped."""
    every = {suite.name: list(suite) for suite in suites(of_every_state())}
    (gone,) = every["acme-gone"]
    (error,) = gone.result
    assert isinstance(error, Error)
    assert (error.type, error.message) == (
        "shard",
        "job.toml: there is no run task security-scan,",
    )
    assert error.text == "or this token can't see it"
    (later,) = every["acme-later"]
    (skipped,) = later.result
    assert isinstance(skipped, Skipped)
    assert skipped.message == "not begun"


def test_a_shard_that_does_not_begin_says_why() -> None:
    """The fleet is stopped."""
    (later,) = next(iter(suites(replace(fleet(LATER), stopped="1 shard failed"))))
    assert [one.message for one in later.result] == [
        "not begun: the fleet is stopped: 1 shard failed"
    ]


def test_only_failed_lists_problems() -> None:
    """The error of a shard is one; that it has not begun is none."""
    xml = suites(of_every_state(), only_failed=True)
    assert {suite.name: suite.tests for suite in xml} == {
        "acme-canary": 0, "acme-eu": 4, "acme-gone": 1, "acme-later": 0, "acme-staged": 7,
    }  # fmt: skip


def test_hostile_text_stays_text() -> None:
    """The document is XML that the schemas permit."""
    assert [suite.name for suite in suites(hostile_fleet())] == ["acme-1", "acme-2"]
