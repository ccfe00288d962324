"""Events: silent in a library unless enabled, structured on a command's stderr."""

from __future__ import annotations

import io
import logging
import pickle
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from bulkops.cli import logs
from bulkops.log import Event, Log, execution_of
from tests.cli.support import logging_restored
from tests.engine.scripts import always, writes
from tests.engine.wire import NEVER_LEFT, Trouble
from tests.engine.world import World, job


def test_a_library_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    """A job prints nothing by itself, on stdout or stderr, even if it fails."""
    world = World(workspaces=2)
    world.wire.troubles = writes(Trouble(NEVER_LEFT))
    world.apply(job())
    assert capfd.readouterr() == ("", "")


def test_an_event_is_a_record_with_fields(caplog: pytest.LogCaptureFixture) -> None:
    """With the level enabled, each request is a log record with its facts as attributes."""
    with caplog.at_level(logging.DEBUG, logger="bulkops"):
        World(workspaces=1).apply(job())
    posts = [r for r in caplog.records if getattr(r, "method", "") == "POST"]
    assert [(r.msg, r.__dict__["status"]) for r in posts] == [("request_finished", 201)]


def test_a_message_shows_the_fields_of_its_event() -> None:
    """A standard-library handler with ``%(message)s`` prints them on one line."""
    lines, log = io.StringIO(), Log("bulkops.somewhere")
    handler = logging.StreamHandler(lines)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    log.logger.addHandler(handler)
    try:
        with execution_of("bulkops-1"):
            log.warning("paused", extra={"seconds": 2, "error": None, "path": "/a", "sure": True})
            hostile = {"why": 'a \x1b[31m"b"\n\u202e', "run_id": "bulkops-2", "to": ""}
            log.warning("b", extra=hostile)
        log.warning("nothing_known")
    finally:
        log.logger.removeHandler(handler)
    assert lines.getvalue().splitlines() == [
        "WARNING paused seconds=2 path=/a sure=true run_id=bulkops-1",
        'WARNING b why="a \\u001b[31m\\"b\\"\\n\\u202e" run_id=bulkops-2 to=""',
        "WARNING nothing_known",
    ]


def test_each_request_of_a_job_shows_its_route_and_status(caplog: pytest.LogCaptureFixture) -> None:
    """The message alone tells which attempt was answered how, and for which operation."""
    world = World(workspaces=1)
    world.wire.troubles = writes(Trouble("429"))
    with caplog.at_level(logging.DEBUG, logger="bulkops"):
        world.apply(job())
    posts = [message for message in caplog.messages if "method=POST" in message]
    assert re.fullmatch(
        r"request_finished method=POST route=\S+ path=/api/v2/workspaces/(ws-\w+)/tasks status=429 "
        r"attempt=1 seconds=\S+ run_id=bulkops-\w+ operation=attach:\1",
        posts[0],
    )
    assert " status=201 attempt=2 " in posts[1]


def test_an_event_survives_being_pickled() -> None:
    """A record that is sent to another process keeps the event's name and fields."""
    event = pickle.loads(pickle.dumps(Event("paused", {"seconds": 2})))  # noqa: S301 - our own
    assert (event, str(event)) == ("paused", "paused seconds=2")


def test_every_event_of_a_job_has_its_run_id(caplog: pytest.LogCaptureFixture) -> None:
    """From the opened journal to its end; the plan before it has none."""
    world = World(workspaces=3)
    with caplog.at_level(logging.DEBUG, logger="bulkops"):
        replay = world.apply(job())
    logged = [r.__dict__ for r in caplog.records]
    (start,) = (n for n, r in enumerate(logged) if r["msg"] == "execution_started")
    assert {r.get("run_id") for r in logged[:start]} == {None}
    assert {r.get("run_id") for r in logged[start:]} == {replay.header.run_id}
    assert logged[-1]["msg"] == "execution_ended"
    assert logged[-1]["how"] == "complete"


def test_concurrent_operations_do_not_mix(caplog: pytest.LogCaptureFixture) -> None:
    """Each request of concurrent operations has the key of its own operation."""
    world = World(workspaces=40, faults="POST:close-after=20%,close-before=20%,503=10%", seed=3)
    with caplog.at_level(logging.DEBUG, logger="bulkops"):
        world.apply(job(pace={"max_at_once": 5, "settle": "1s"}))
    written = list[str]()
    for record in caplog.records:
        facts = record.__dict__
        if "/workspaces/ws-" in facts.get("path", ""):
            workspace_id = facts["path"].split("/")[4]
            assert facts["operation"] == f"attach:{workspace_id}"
            written += [workspace_id] * (facts["method"] == "POST")
        elif record.msg == "request_finished":
            assert "operation" not in facts
    assert len(set(written)) == 40 < len(written)
    changes = sum(a != b for a, b in pairwise(written))
    assert changes > 39, "no operations ran concurrently"


def test_a_failed_operation_is_logged_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    """``operation_failed`` has a higher level than ``operation_finished``, without a warning."""
    world = World(workspaces=2)
    struck = world.simulator.world.organizations["acme"].workspaces["prod-0"].id
    world.wire.troubles = always(
        lambda request: request.writes and struck in request.path, Trouble("404")
    )
    with caplog.at_level(logging.DEBUG, logger="bulkops"):
        world.apply(job())
    events = {
        r.__dict__["target"]: (r.msg, r.levelname, r.__dict__["outcome"], r.__dict__["operation"])
        for r in caplog.records
        if r.msg.startswith("operation_")
    }
    assert events["prod-0"] == ("operation_failed", "INFO", "failed", f"attach:{struck}")
    assert events["prod-1"][:3] == ("operation_finished", "DEBUG", "succeeded")


def test_an_operation_without_a_request_is_logged_with_its_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A change made outside the job is logged, too, although no request is sent."""
    world = World(workspaces=2)
    world.start(job())
    world.simulator.attach("prod-0", "security-scan", enforcement_level="mandatory")
    with caplog.at_level(logging.DEBUG, logger="bulkops"):
        world.resume()
    (events,) = (r.__dict__ for r in caplog.records if r.__dict__.get("outcome") == "skipped")
    (key,) = {o.key for o, _ in world.results if o.target.name == "prod-0"}
    assert (events["target"], events["operation"], events["attempts"]) == ("prod-0", key, 0)


def test_a_run_id_ends_with_its_execution(caplog: pytest.LogCaptureFixture) -> None:
    """Events after a job don't have its run id, and an event's own fields come first."""
    log = Log("bulkops.somewhere")
    with caplog.at_level(logging.INFO, logger="bulkops"):
        with execution_of("bulkops-1"):
            log.info("a")
            log.info("b", extra={"run_id": "bulkops-2"})
        log.info("c")
    logged = [r.__dict__.get("run_id") for r in caplog.records]
    assert logged == ["bulkops-1", "bulkops-2", None]


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
    """stderr has one JSON object per line; requests are only logged if enabled."""
    logs.configure(debug=debug, json=True)
    somewhere = logging.getLogger("bulkops.somewhere")
    somewhere.debug("a", extra={"number": 1})
    somewhere.warning("b", extra={"number": 2})
    events = [msgspec.json.decode(line) for line in capsys.readouterr().err.splitlines()]
    assert [event["event"] for event in events] == shown
    assert events[-1].keys() == {"event", "level", "timestamp", "number"}


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize("json", [False, True])
def test_a_command_shows_the_fields_of_an_event_once(
    capsys: pytest.CaptureFixture[str],
    json: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """The lines of stderr and ``--log-file`` have the event's name, and each field beside it."""
    logs.configure(debug=True, json=json)
    Log("bulkops.somewhere").warning("paused", extra={"seconds": 2})
    line = capsys.readouterr().err
    assert line.count("seconds") == 1
    assert ('"event": "paused"' in line) if json else (" event=paused seconds=2\n" in line)


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize(
    ("event", "facts", "text"),
    [
        (
            "client_slowed",
            {"rate": 3.7, "reason": "503s"},
            "the server answers 503 above a limit of its own: slowed down to 3.7 requests per "
            "second",
        ),
        (
            "server_unreachable",
            {"error": "http://127.0.0.1:9: refused"},
            "no answer from the server (http://127.0.0.1:9: refused): trying again",
        ),
        (
            "client_paused",
            {"seconds": 60.0, "reason": "rate limit"},
            "the server asked for a pause (rate limit): nothing is sent for 60 s",
        ),
        ("gate_not_run", {"reason": "too big"}, "the gate could not be started: too big"),
        ("odd_thing", {"why": "a\x1b[31mb", "size": 2}, "odd thing (why a\\u001b[31mb, size 2)"),
        ("odd_thing", {}, "odd thing"),
    ],
)
def test_people_get_a_warning_as_a_sentence(
    capsys: pytest.CaptureFixture[str], event: str, facts: dict[str, object], text: str
) -> None:
    """With the event's facts, but no ``key=value``: that is for ``--debug`` and log files."""
    logs.configure(debug=False, json=False)
    with execution_of("bulkops-1"):
        Log("bulkops.somewhere").warning(event, extra=facts)
        Log("bulkops.somewhere").info(event, extra=facts)
    assert capsys.readouterr().err == f"Warning: {text}.\n"


def test_every_warning_of_the_library_has_a_sentence() -> None:
    """A warning without one would be shown as a list of its fields."""
    package = Path(logs.__file__).parents[1]
    texts = [path.read_text(encoding="utf-8") for path in package.rglob("*.py")]
    warned = {name for text in texts for name in re.findall(r'log\.warning\("(\w+)"', text)}
    assert {"client_slowed", "server_unreachable"} <= warned <= logs.SENTENCES.keys()


@pytest.mark.usefixtures("_restored")
def test_debug_prints_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """One ``key=value`` line per event on stderr, whatever a server put into its fields."""
    logs.configure(debug=True, json=False)
    facts = {"seconds": 2, "why": "a \x1b[31mb\nc", "sure": True}
    logging.getLogger("bulkops.somewhere").warning("pausing", extra=facts)
    logged = capsys.readouterr().err
    assert logged.endswith(
        ' level=warning event=pausing seconds=2 why="a \\u001b[31mb\\nc" sure=true\n'
    )
    assert logged.startswith("timestamp=2")
    assert logged.count("\n") == 1
