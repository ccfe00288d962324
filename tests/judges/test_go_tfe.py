"""The requests of go-tfe's own tests, replayed in their order.

``go_tfe.jsonl`` has what go-tfe v1.109.0 sent to the simulator when these of its integration tests
passed: all that need a server of the 17 for run tasks, and some for projects, workspaces and tags.
A row is one request, with the status it got, the message of a refusal, and the number of rows of
a list. An id that the server
made is ``{task-1}``, the first ``task-…`` that an answer of the same test showed; a random name is
``name-01``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

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


def _recorded() -> dict[str, list[dict[str, Any]]]:
    """Return test → its requests."""
    tests: dict[str, list[dict[str, Any]]] = {}
    test = ""
    for line in Path(__file__).with_name("go_tfe.jsonl").read_bytes().splitlines():
        row = msgspec.json.decode(line)
        if "test" in row:
            test = row["test"]
        else:
            tests.setdefault(test, []).append(row)
    return tests


RECORDED: Final = _recorded()


class _Replay:
    """Sends recorded requests, with the ids of this server in the place of the recorded ones."""

    def __init__(self, judge: Judge) -> None:
        self._simulator = Simulator(rate=0)
        self._judge = judge
        self._ids: dict[str, str] = {}
        self._counts: Counter[str] = Counter()

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


@pytest.mark.parametrize("test", RECORDED)
def test_each_request_is_answered_as_when_go_tfes_test_passed(judge: Judge, test: str) -> None:
    """Every request gets the recorded status and message, in an answer that the OpenAPI allows."""
    replay = _Replay(judge)
    for number, row in enumerate(RECORDED[test], 1):
        expected = {key: row[key] for key in ("status", "error", "rows") if key in row}
        assert replay.send(row) == expected, f"{test}, request {number}: {row}"
