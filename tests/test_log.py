"""Events: silent in a library unless asked for, structured on a command's stderr."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import msgspec
import pytest

from bulkops.cli import logs
from bulkops.log import logger
from tests.engine.world import World, job


def test_a_library_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    """A whole job prints nothing by itself, on stdout or stderr."""
    World(workspaces=2).apply(job())
    assert capfd.readouterr() == ("", "")


def test_an_event_is_a_record_with_fields(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever sets the level gets every request, its facts as attributes."""
    with caplog.at_level(logging.DEBUG, logger="bulkops"):
        World(workspaces=1).apply(job())
    posts = [r for r in caplog.records if getattr(r, "method", "") == "POST"]
    assert [(r.getMessage(), r.__dict__["status"]) for r in posts] == [("request_finished", 201)]


@pytest.fixture
def _restored() -> Iterator[None]:
    bulkops = logging.getLogger("bulkops")
    before = bulkops.handlers, bulkops.propagate, bulkops.level
    yield
    bulkops.handlers, bulkops.propagate = before[:2]
    bulkops.setLevel(before[2])


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize(("debug", "shown"), [(False, ["b"]), (True, ["a", "b"])])
def test_a_command_logs_json_where_nobody_watches(
    capsys: pytest.CaptureFixture[str],
    debug: bool,  # noqa: FBT001 - a parameter of the test
    shown: list[str],
) -> None:
    """One object a line on stderr: event, level, time and fields; requests only if asked for."""
    logs.configure(debug=debug)
    logger("bulkops.somewhere").debug("a", number=1)
    logger("bulkops.somewhere").warning("b", number=2)
    told = [msgspec.json.decode(line) for line in capsys.readouterr().err.splitlines()]
    assert [event["event"] for event in told] == shown
    assert told[-1].keys() == {"event", "level", "timestamp", "number"}
