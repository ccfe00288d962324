"""The report as JUnit XML, for the test results of CI systems. Pure.

| in the report                             | in JUnit XML                                         |
|-------------------------------------------|------------------------------------------------------|
| a wave                                    | a testsuite; a single one for a job without waves    |
| an operation                              | a testcase with the target's name                    |
| failed, in conflict, drifted              | ``<failure>``; ``type`` is ``differing`` if drifted  |
| in doubt                                  | ``<error>``                                          |
| pending, skipped                          | ``<skipped>``; pending: until when the job rests     |
| skipped when planned                      | ``<skipped>``, in a separate last testsuite          |
| blocked when planned                      | ``<failure type="blocked">`` there: the job exits 3  |

A wave is a testsuite because a rollout can stop after it. The class name is the same in all
executions and waves, so that a CI system recognises a workspace in its history. A testsuite's
time is the sum of its testcases' times, which overlap; its timestamp is in UTC without a zone,
as JUnit's schemas require.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

from bulkops.job.rollout import Wave
from bulkops.journal.states import RETRIED, Outcome, Reached
from bulkops.report.model import BLOCKED, PENDING, Report, Row, SkippedRow
from bulkops.report.text import why
from bulkops.report.words import waiting
from bulkops.text import escaped

DIFFERING = "differing"
"""Type of the failure of a drifted operation."""


class Case(NamedTuple):
    """One testcase.

    Attributes:
        element: ``failure``, ``error`` or ``skipped``; empty if it passed.
        type: type of the failure or error.
        details: text of the element.
    """

    classname: str
    name: str
    seconds: float = 0.0
    element: str = ""
    type: str = ""
    message: str = ""
    details: str = ""


class Suite(NamedTuple):
    """One testsuite; its cases are created at each iteration.

    Attributes:
        timestamp: RFC 3339; empty if there is none.
        properties: name → value; those without a value are left out.
    """

    name: str
    timestamp: str
    properties: Mapping[str, str]
    cases: Callable[[], Iterable[Case]]


class Totals:
    """Counts for the attributes of testsuites."""

    def __init__(self) -> None:
        self.tests = self.failures = self.errors = self.skipped = 0
        self.seconds = 0.0

    def take(self, case: Case) -> None:
        """Count one testcase."""
        self.tests += 1
        self.failures += case.element == "failure"
        self.errors += case.element == "error"
        self.skipped += case.element == "skipped"
        self.seconds += case.seconds

    def attributes(self) -> dict[str, str]:
        """Return the attributes that ``testsuite`` and ``testsuites`` share."""
        return {
            "tests": str(self.tests),
            "failures": str(self.failures),
            "errors": str(self.errors),
            "time": f"{self.seconds:.3f}",
        }


def document(report: Report, *, only_failed: bool = False) -> Iterator[str]:
    """Yield a report as XML 1.0, one testcase per line."""
    return written(report.job, list(_suites(report, only_failed=only_failed)))


def written(name: str, suites: Sequence[Suite]) -> Iterator[str]:
    """Yield testsuites as XML 1.0, one testcase per line.

    The counts come first, so it iterates over the cases twice, and keeps none.
    """
    total, totals = Totals(), []
    for suite in suites:
        own = Totals()
        for case in suite.cases():
            own.take(case)
            total.take(case)
        totals.append(own)
    out = io.StringIO()
    xml = XMLGenerator(out, "utf-8", short_empty_elements=True)
    xml.startDocument()
    _start(xml, "testsuites", name=name, **total.attributes())
    for suite, own in zip(suites, totals, strict=True):
        _open(xml, suite, own)
        for case in suite.cases():
            _write(xml, case)
            yield _taken(out)
        xml.ignorableWhitespace("\n")
        xml.endElement("testsuite")
    xml.ignorableWhitespace("\n")
    xml.endElement("testsuites")
    xml.ignorableWhitespace("\n")
    xml.endDocument()
    yield _taken(out)


def _suites(report: Report, *, only_failed: bool) -> Iterator[Suite]:
    kind, known = class_name(report), properties(report)
    opened = _opened(report)
    for wave in report.waves:
        of = f" wave {wave.number} of {len(report.waves)}" if len(report.waves) > 1 else ""
        at = opened.get(wave.number, report.created_at)
        cases = partial(_operations, report, wave, kind, only_failed=only_failed)
        yield Suite(report.job + of, at, known, cases)
    if report.skipped and not only_failed:
        cases = partial(map, partial(_skipped, kind), report.skipped)
        yield Suite(f"{report.job} skipped when planned", report.created_at, known, cases)


def class_name(report: Report) -> str:
    """Return the class name of a job's testcases; that of an aspect follows a dot."""
    return f"bulkops.undo.{report.kind}" if report.undo_of else f"bulkops.{report.kind}"


def properties(report: Report) -> dict[str, str]:
    """Return the properties of a job's testsuites; some may be empty."""
    return {
        "run_id": report.run_id,
        "organization": report.organization,
        "address": report.address,
        "run_task": report.task,
        "undo_of": report.undo_of,
        "rest_until": report.rest.until if report.rest else "",
    }


def all_cases(report: Report, kind: str, *, only_failed: bool) -> Iterator[Case]:
    """Yield the testcases of all waves, then of what was skipped when planned.

    Args:
        kind: see ``class_name``.
    """
    for wave in report.waves:
        yield from _operations(report, wave, kind, only_failed=only_failed)
    if not only_failed:
        yield from map(partial(_skipped, kind), report.skipped)


def _opened(report: Report) -> dict[int, str]:
    """Return wave → time of its first opening."""
    reached = report.timeline.waves if report.timeline else ()
    return {w.number: w.at for w in reversed(reached) if w.reached is Reached.OPEN}


def _operations(report: Report, wave: Wave, kind: str, *, only_failed: bool) -> Iterator[Case]:
    waits = ": ".join(filter(None, ("not started", waiting(report))))
    for row in report.rows.part(wave.start, wave.end):
        if not only_failed or row.troubled:
            yield _operation(kind, row, waits)


def _operation(kind: str, row: Row, waits: str) -> Case:
    element, of_type = _judged(row)
    details = ""
    if element in ("failure", "error"):
        known = {"status": row.status, "request": row.request_id, "attempts": row.attempts}
        facts = [f"{name} {value}" for name, value in known.items() if value]
        details = "\n".join((row.change, *facts, row.at)).rstrip()
    return Case(
        classname=f"{kind}.{row.aspect}" if row.aspect else kind,
        name=row.name,
        seconds=row.seconds or 0.0,
        element=element,
        type=of_type,
        message=waits if row.outcome == PENDING else why(row),
        details=details,
    )


def _judged(row: Row) -> tuple[str, str]:
    """Return the element for an operation's outcome, and its type."""
    if row.outcome in RETRIED:
        return "failure", row.outcome
    if row.outcome == Outcome.IN_DOUBT:
        return "error", row.outcome
    if row.outcome == PENDING:
        return "skipped", ""
    if row.shows:
        return "failure", DIFFERING
    return ("skipped" if row.outcome == Outcome.SKIPPED else ""), ""


def _skipped(kind: str, row: SkippedRow) -> Case:
    element, of_type = ("failure", BLOCKED) if row.blocked else ("skipped", "")
    return Case(kind, row.name, element=element, type=of_type, message=row.reason)


def _open(xml: XMLGenerator, suite: Suite, totals: Totals) -> None:
    xml.ignorableWhitespace("\n")
    # The schemas permit neither zone nor fraction.
    timestamp = {"timestamp": suite.timestamp[:19]} if suite.timestamp else {}
    skipped = str(totals.skipped)
    _start(xml, "testsuite", name=suite.name, **totals.attributes(), skipped=skipped, **timestamp)
    xml.ignorableWhitespace("\n")
    _start(xml, "properties")
    for name, value in suite.properties.items():
        if value:
            _start(xml, "property", name=name, value=value)
            xml.endElement("property")
    xml.endElement("properties")


def _write(xml: XMLGenerator, case: Case) -> None:
    xml.ignorableWhitespace("\n")
    _start(
        xml,
        "testcase",
        classname=case.classname,
        name=case.name,
        time=f"{case.seconds:.3f}",
    )
    if case.element:
        of_type = {"type": case.type} if case.type else {}
        _start(xml, case.element, **of_type, message=case.message)
        xml.characters("\n".join(map(escaped, case.details.split("\n"))))
        xml.endElement(case.element)
    xml.endElement("testcase")


def _start(xml: XMLGenerator, element: str, **attributes: str) -> None:
    # XML 1.0 permits most control characters not even as references: escape them.
    values = {name: escaped(value) for name, value in attributes.items()}
    xml.startElement(element, AttributesImpl(values))


def _taken(out: io.StringIO) -> str:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text
