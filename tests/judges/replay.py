"""Replays requests that another client once sent to the simulator, from a file in this folder.

A row is one request, with the status it got, the message of a refusal, and the number of rows of
a list. An id that the server made is ``{task-1}``, the first ``task-…`` that an answer of the same
test showed; a random name is ``name-01``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from bulkops.api.messages import MEDIA_TYPE, Request, Response
from bulkops.simulator.core import Simulator

Judge = Callable[[Request, Response], None]

_ID: Final = re.compile(r"\b(task|ws|wstask|prj|apool|tag|org)-[1-9A-HJ-NP-Za-km-z]{16}\b")
_HEADERS: Final = {
    "accept": MEDIA_TYPE,
    "accept-encoding": "gzip",
    "authorization": "Bearer any",
    "host": "127.0.0.1",
    "user-agent": "go-tfe",
}
_BODY: Final = {"content-type": MEDIA_TYPE}
"""Sent with every method except GET, with or without a body."""


def recorded(name: str) -> dict[str, list[dict[str, Any]]]:
    """Return test → its requests, as they are in the file of this name."""
    tests: dict[str, list[dict[str, Any]]] = {}
    test = ""
    for line in Path(__file__).with_name(name).read_bytes().splitlines():
        row = msgspec.json.decode(line)
        if "test" in row:
            test = row["test"]
        else:
            tests.setdefault(test, []).append(row)
    return tests


class Replay:
    """Sends recorded requests, with the ids of this server in the place of the recorded ones."""

    def __init__(self, judge: Judge) -> None:
        self._simulator = Simulator(rate=0)
        self._judge = judge
        self._ids: dict[str, str] = {}
        self._counts: Counter[str] = Counter()

    def play(self, test: str, rows: list[dict[str, Any]]) -> None:
        """Send a test's requests in their order; each must be answered as it was."""
        for number, row in enumerate(rows, 1):
            expected = {key: row[key] for key in ("status", "error", "rows") if key in row}
            assert self.send(row) == expected, f"{test}, request {number}: {row}"

    def send(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return what the answer has of ``status``, ``error`` and ``rows``."""
        body = self._here(msgspec.json.encode(row["body"]).decode()) if "body" in row else ""
        query = tuple((name, self._here(value)) for name, value in row.get("query", {}).items())
        headers = _HEADERS if row["method"] == "GET" else _HEADERS | _BODY
        request = Request(
            row["method"], f"/api/v2{self._here(row['path'])}", query, body.encode(), headers
        )
        answer = self._simulator.handle(request, 0.0)
        self._judge(request, answer)
        self._learn(answer.body.decode())
        document = msgspec.json.decode(answer.body or b"{}")
        got = {"status": answer.status}
        if "errors" in document:
            got["error"] = document["errors"][0]["detail"]
        if isinstance(document.get("data"), list):
            got["rows"] = len(document["data"])
        return got

    def _here(self, text: str) -> str:
        for placeholder, ident in self._ids.items():
            text = text.replace(placeholder, ident)
        return text

    def _learn(self, text: str) -> None:
        for found in _ID.finditer(text):
            if found[0] not in self._ids.values():
                self._counts[found[1]] += 1
                self._ids[f"{{{found[1]}-{self._counts[found[1]]}}}"] = found[0]
