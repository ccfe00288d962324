"""The report as one JSON document. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import indent

import msgspec

from bulkops.report.model import Report
from bulkops.text import escaped

_LISTS = ("rows", "skipped", "waves", "timeline", "next_steps")


def facts(report: Report) -> dict[str, object]:
    """Return the report's fields without its long lists."""
    members = msgspec.structs.asdict(report)
    return {name: value for name, value in members.items() if name not in _LISTS}


def document(report: Report, *, only_failed: bool = False) -> Iterator[str]:
    """Yield a report as indented JSON, in pieces.

    ``{"run_id": …, "counts": …, "spans": […], "rows": […], "skipped": […]}``
    """
    rows = (row for row in report.rows if not only_failed or row.troubled)
    yield _formatted(facts(report)).removesuffix("\n}")
    yield from _list("spans", report.timeline.spans if report.timeline else ())
    yield from _list("rows", rows)
    yield from _list("skipped", () if only_failed else report.skipped)
    yield "\n}\n"


def _list(name: str, items: Iterable[object]) -> Iterator[str]:
    yield f',\n  "{name}": ['
    between = "\n"
    for item in items:
        yield between + indent(_formatted(item), "    ")
        between = ",\n"
    yield "]" if between == "\n" else "\n  ]"


def _formatted(value: object) -> str:
    # The file may be shown in a terminal: escape control characters that JSON permits.
    lines = msgspec.json.format(msgspec.json.encode(value)).decode().split("\n")
    return "\n".join(map(escaped, lines))
