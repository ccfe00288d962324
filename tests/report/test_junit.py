"""The report as JUnit XML."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped
from msgspec.structs import replace

from bulkops.journal.records import Execution, Record
from bulkops.journal.replay import replay
from bulkops.journal.states import Outcome, Reached
from bulkops.report.junit import document
from bulkops.report.model import Report, report
from bulkops.text import escaped
from tests.journal.samples import AT, HOLDER, header
from tests.report.samples import TASK_PLAN, everything, failed, finished, made, names, texts, wave

FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 forbids (section 2.2)."""

ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
    "properties": set[str](),
    "property": {"name", "value"},
    "testcase": {"classname", "name", "time"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"message"},
}
"""Element → its attributes; the schemas of Jenkins and Ant have all of them."""

OPTIONAL = {"timestamp"}

WITHIN = {
    "testsuites": ["testsuite"],
    "testsuite": ["properties", "testcase"],
    "properties": ["property"],
    "testcase": ["failure", "error", "skipped"],
}
"""Element → its possible children, in this order."""


def suites(made: Report, *, only_failed: bool = False) -> list[Any]:
    """Return the testsuites as junitparser reads them, after checking the schemas' rules."""
    return list(checked("".join(document(made, only_failed=only_failed))))


def checked(text: str) -> JUnitXml:
    """Return a document as junitparser reads it, after checking the schemas' rules."""
    assert not FORBIDDEN.search(text)
    root = ET.fromstring(text.encode())  # noqa: S314 - our own output
    _check(root)
    xml = JUnitXml.fromstring(text.encode())
    _check_sums(xml, list(xml))
    return xml


def _check(element: ET.Element) -> None:
    # A fleet's shard that has not begun has no timestamp.
    assert {*element.attrib, *OPTIONAL} >= ATTRIBUTES[element.tag] >= {*element.attrib}
    places = [WITHIN[element.tag].index(child.tag) for child in element]
    assert places == sorted(places)
    if "timestamp" in element.attrib:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", element.attrib["timestamp"])
    if "time" in element.attrib:
        assert re.fullmatch(r"\d+\.\d{3}", element.attrib["time"])
    if element.tag == "testcase":
        assert len(element) <= 1
    for child in element:
        _check(child)


def _check_sums(whole: Any, parts: Iterable[Any]) -> None:
    """Check that the counts equal those of junitparser."""
    for part in (*parts, whole):
        finished = [part.tests, part.failures, part.errors, part.time]
        skipped = None if part is whole else part.skipped
        part.update_statistics()
        assert finished == pytest.approx([part.tests, part.failures, part.errors, part.time])
        assert skipped in (None, part.skipped)


def results(suite: Iterable[Any]) -> list[tuple[str, object, str | None]]:
    """Return name, result and type of each testcase; ``None`` if it passed."""
    found: list[tuple[str, object, str | None]] = []
    for case in suite:
        if case.result:
            (result,) = case.result
            found.append((case.name, type(result), result.type))
        else:
            found.append((case.name, None, None))
    return found


def test_each_operation_is_a_testcase() -> None:
    """Every outcome has its JUnit result; targets skipped when planned are in a second suite."""
    job, skipped = suites(everything())
    assert results(job) == [
        ("prod-0", Failure, "differing"),
        ("prod-1", Failure, "failed"),
        ("prod-2", Failure, "conflict"),
        ("prod-3", Error, "in_doubt"),
        ("prod-4", Skipped, None),
        ("prod-5", Skipped, None),
    ]
    assert results(skipped) == [("prod-8", Skipped, None), ("prod-9", Failure, "blocked")]
    assert (job.name, skipped.name) == ("scan", "scan skipped when planned")
    assert (job.tests, job.failures, job.errors, job.skipped) == (6, 3, 1, 2)
    assert {prop.name: prop.value for prop in job.properties()} == {
        "run_id": "bulkops-0123456789ab",
        "organization": "acme",
        "address": "https://app.terraform.io",
        "run_task": "security-scan",
    }


def test_a_failure_has_all_known_facts() -> None:
    """It has the reason, change, status, request id, attempts, date, class and duration."""
    _, failure, _, doubt, *_ = suites(everything())[0]
    assert (failure.classname, failure.time) == ("bulkops.attach", 0.5)
    assert failure.result[0].message == "422 no"
    assert failure.result[0].text.split("\n") == [
        "mandatory at post_plan",
        "status 422",
        "request req-1",
        "attempts 1",
        "2026-11-24T21:00:01.500Z",
    ]
    assert (doubt.result[0].message, doubt.time) == ("sent; its answer is unknown", 0.0)
    assert doubt.result[0].text == "mandatory at post_plan"


def test_a_success_has_no_result() -> None:
    """An empty testcase has passed."""
    (suite,) = suites(made(1, [Execution(HOLDER, "1"), *finished(0, Outcome.SUCCEEDED)]))
    assert results(suite) == [("prod-0", None, None)]
    assert suite.timestamp == AT[:19]


def test_only_failed_keeps_the_problems() -> None:
    """The counts cover only those."""
    (job,) = suites(everything(), only_failed=True)
    assert [name for name, *_ in results(job)] == ["prod-0", "prod-1", "prod-2", "prod-3"]


def test_a_wave_is_a_testsuite() -> None:
    """It has the wave's operations; its timestamp is the wave's first opening."""
    records: list[Record] = [
        Execution(HOLDER, "1"),
        wave(1, 0, 1, Reached.OPEN, 1),
        *finished(0, Outcome.SUCCEEDED),
        wave(1, 0, 1, Reached.PASSED, 2),
        wave(2, 1, 3, Reached.OPEN, 3),
        *finished(1, Outcome.FAILED, "no"),
        wave(2, 1, 3, Reached.OPEN, 9),
    ]
    first, second, last = suites(made(6, records, rollout={"waves": ["1", "50%"]}))
    assert [suite.name for suite in (first, second, last)] == [
        f"scan wave {n} of 3" for n in (1, 2, 3)
    ]
    assert [[name for name, *_ in results(s)] for s in (first, second, last)] == [
        ["prod-0"], ["prod-1", "prod-2"], ["prod-3", "prod-4", "prod-5"],
    ]  # fmt: skip
    assert second.timestamp == "2026-11-24T21:00:03"


def test_an_undo_and_an_aspect_have_separate_classes() -> None:
    """A testcase about a run task has the run task's name."""
    head = header(1)
    undo = replace(head, undo_of="bulkops-1")
    (suite,) = suites(report(replay([undo, TASK_PLAN])))
    (case,) = suite
    assert (case.classname, case.name) == ("bulkops.undo.attach", "security-scan")
    ((case,),) = suites(report(replay([head, replace(TASK_PLAN, aspect="new")])))
    assert case.classname == "bulkops.attach.new"


def test_a_job_with_nothing_to_do_is_an_empty_testsuite() -> None:
    """It is valid, with 0 tests."""
    (suite,) = suites(made(0))
    assert suite.tests == 0


@given(st.lists(st.tuples(names, texts), min_size=1, max_size=5))
def test_hostile_text_is_text(pairs: list[tuple[str, str]]) -> None:
    """Names and reasons are read back escaped, and no forbidden character remains."""
    (suite,) = suites(failed([name for name, _ in pairs], [reason for _, reason in pairs]))
    assert [case.name for case in suite] == [escaped(name) for name, _ in pairs]
    assert [case.result[0].message for case in suite] == [escaped(why) for _, why in pairs]


def test_the_document_comes_in_pieces() -> None:
    """No piece has more than one testcase."""
    pieces = list(document(everything()))
    assert max(piece.count("<testcase") for piece in pieces) == 1
