"""Events: silent in a library unless asked for, structured on a command's stderr."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import msgspec
import pytest

from bulkops.cli import logs
from tests.cli.support import logging_restored
from tests.engine.scripts import writes
from tests.engine.wire import NEVER_LEFT, Trouble
from tests.engine.world import World, job


def test_a_library_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    """A job prints nothing by itself, on stdout or stderr, not even where something is wrong."""
    world = World(workspaces=2)
    world.wire.troubles = writes(Trouble(NEVER_LEFT))
    world.apply(job())
    assert capfd.readouterr() == ("", "")


def test_an_event_is_a_record_with_fields(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever sets the level gets every request, its facts as attributes."""
    with caplog.at_level(logging.DEBUG, logger="bulkops"):
        World(workspaces=1).apply(job())
    posts = [r for r in caplog.records if getattr(r, "method", "") == "POST"]
    assert [(r.getMessage(), r.__dict__["status"]) for r in posts] == [("request_finished", 201)]


@pytest.fixture
def _restored() -> Iterator[None]:
    with logging_restored():
        yield


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize(("debug", "shown"), [(False, ["b"]), (True, ["a", "b"])])
def test_a_command_with_json_logs_json(
    capsys: pytest.CaptureFixture[str],
    debug: bool,  # noqa: FBT001 - a parameter of the test
    shown: list[str],
) -> None:
    """One object a line on stderr: event, level, time and fields; requests only if asked for."""
    logs.configure(debug=debug, json=True)
    somewhere = logging.getLogger("bulkops.somewhere")
    somewhere.debug("a", extra={"number": 1})
    somewhere.warning("b", extra={"number": 2})
    told = [msgspec.json.decode(line) for line in capsys.readouterr().err.splitlines()]
    assert [event["event"] for event in told] == shown
    assert told[-1].keys() == {"event", "level", "timestamp", "number"}


@pytest.mark.usefixtures("_restored")
def test_a_command_logs_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """One ``key=value`` line an event on stderr, whatever a server put into its fields."""
    logs.configure(debug=False, json=False)
    facts = {"seconds": 2, "why": "a \x1b[31mb\nc", "sure": True}
    logging.getLogger("bulkops.somewhere").warning("pausing", extra=facts)
    said = capsys.readouterr().err
    assert said.endswith(
        ' level=warning event=pausing seconds=2 why="a \\u001b[31mb\\nc" sure=true\n'
    )
    assert said.startswith("timestamp=2")
    assert said.count("\n") == 1
