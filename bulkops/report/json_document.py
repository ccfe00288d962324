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
    # As plain objects: a record has a type, and leaves defaults out.
    members["notifications"] = [msgspec.structs.asdict(one) for one in report.notifications]
    members["rest"] = None if report.rest is None else msgspec.structs.asdict(report.rest)
    return {name: value for name, value in members.items() if name not in _LISTS}


def document(report: Report, *, only_failed: bool = False) -> Iterator[str]:
    """Yield a report as indented JSON, in pieces.

    ``{"run_id": …, "counts": …, "spans": […], "rows": […], "skipped": […]}``
    """
    rows = (row for row in report.rows if not only_failed or row.troubled)
    yield formatted(facts(report)).removesuffix("\n}")
    yield from listed("spans", report.timeline.spans if report.timeline else ())
    yield from listed("rows", rows)
    yield from listed("skipped", () if only_failed else report.skipped)
    yield "\n}\n"


def listed(name: str, items: Iterable[object]) -> Iterator[str]:
    """Yield the next member of an object, a list, in pieces."""
    yield f',\n  "{name}": ['
    between = "\n"
    for item in items:
        yield between + indent(formatted(item), "    ")
        between = ",\n"
    yield "]" if between == "\n" else "\n  ]"


def formatted(value: object) -> str:
    """Return a value as indented JSON, safe to show in a terminal."""
    # The file may be shown in a terminal: escape control characters that JSON permits.
    lines = msgspec.json.format(msgspec.json.encode(value)).decode().split("\n")
    return "\n".join(map(escaped, lines))
