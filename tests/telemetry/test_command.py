"""Telemetry is only what it is asked to be, and never in the way of a command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple, cast

import pytest

from bulkops.api.messages import Request
from bulkops.errors import ExitCode
from bulkops.telemetry import command, conventions
from tests.cli.support import NOBODY, World, ended
from tests.cli.test_start import RUN
from tests.conftest import Here
from tests.telemetry.conftest import SECRET

if TYPE_CHECKING:
    from bulkops.telemetry.sending import Sending
    from tests.telemetry.receiver import Receiver

WITHOUT_EXTRA = f"import sys\nsys.modules['opentelemetry'] = None\n{RUN}"
"""Runs a command as if the extra were not installed."""

AWAY = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": NOBODY,
    "OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={SECRET}",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "0.01",
}
"""The variables of a collector that is away; it is given up at once, not after 10 s."""


def fresh(world: World, program: str, **environment: str) -> tuple[list[str], set[str]]:
    """Apply in a fresh process; return what it wrote to stderr, and the modules it imported."""
    command = [sys.executable, "-c", program, *world.applying]
    ambient = {n: v for n, v in os.environ.items() if not n.startswith(("OTEL_", "TRACE"))}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        cwd=world.folder,
        env={**ambient, **world.environment, **environment},
    )
    lines = done.stderr.splitlines()
    first = lines.index("sys")
    return lines[:first], set(lines[first:])


def test_nothing_is_imported_without_variables(world: World) -> None:
    """A command that sends requests imports neither OpenTelemetry nor what uses it."""
    printed, modules = fresh(world, RUN, OTEL_SERVICE_NAME="rollouts")
    assert {"bulkops.client.api", "aiohttp"} <= modules
    needless = ("opentelemetry", "google.protobuf", "requests", "bulkops.telemetry.sending")
    assert not [name for name in modules if name.startswith(needless)]
    assert not any("telemetry" in line.lower() for line in printed)


def test_without_the_extra_there_is_one_note(world: World) -> None:
    """It names the variable and what to install; the command does its work."""
    printed, _ = fresh(world, WITHOUT_EXTRA, OTEL_EXPORTER_OTLP_ENDPOINT=NOBODY)
    assert [line for line in printed if "elemetry" in line] == [
        "Warning: OTEL_EXPORTER_OTLP_ENDPOINT is set, but no telemetry is sent, because "
        "OpenTelemetry is not installed. Install bulkops[otel], or set OTEL_SDK_DISABLED=true."
    ]


@pytest.mark.parametrize(
    "environment",
    [
        {"OTEL_SDK_DISABLED": "true"},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    ],
    ids=lambda environment: next(iter(environment)),
)
def test_what_is_not_wanted_is_not_sent(
    world: World, here: Here, receiver: Receiver, environment: dict[str, str]
) -> None:
    """Nothing arrives; another protocol than HTTP is noted."""
    done = here(*world.applying, **environment)
    assert done.code == 0
    assert receiver.bodies == []
    assert ("by http/protobuf" in done.err) == ("OTEL_EXPORTER_OTLP_PROTOCOL" in environment)


@pytest.mark.parametrize("signal", ["TRACES", "METRICS"])
def test_one_signal_alone(world: World, here: Here, receiver: Receiver, signal: str) -> None:
    """``none`` switches one of the two off."""
    assert here(*world.applying, **{f"OTEL_{signal}_EXPORTER": "none"}).code == 0
    assert bool(receiver.spans) == (signal == "METRICS")
    assert bool(receiver.points) == (signal == "TRACES")


def test_a_collector_that_is_away_changes_nothing(world: World, here: Here) -> None:
    """The same result and exit code; one note for spans, one for metrics, without the header."""
    pytest.importorskip("opentelemetry.sdk", reason="bulkops[otel] is not installed")
    done = here(*world.applying, **AWAY)
    assert (done.code, world.all_desired()) == (0, True)
    notes = [line for line in done.err.splitlines() if "OpenTelemetry" in line]
    assert [note.partition(" did not reach")[0].rpartition(" ")[2] for note in notes] == [
        "spans",
        "metrics",
    ]
    assert SECRET not in done.err


def test_a_hanging_collector_is_waited_for_only_so_long(
    world: World, here: Here, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue holds few spans; the others are dropped, and all are counted as lost."""
    monkeypatch.setattr(command, "FLUSH_SECONDS", 0.0)
    receiver.hangs = True
    few = {"OTEL_BSP_MAX_QUEUE_SIZE": "4", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "2"}
    done = here(*world.applying, **few)
    assert (done.code, world.all_desired()) == (0, True)
    (lost,) = [line for line in done.err.splitlines() if "spans did not reach" in line]
    number, _, every = lost.removeprefix("Warning: ").partition(" spans")[0].split()
    assert number == every
    assert int(every) > 24


class Ended(NamedTuple):
    """Stands in for what is sent, and keeps how it was ended."""

    calls: list[tuple[int, float]]

    def end(self, exit_code: int, seconds: float) -> None:
        """Keep the arguments."""
        self.calls.append((exit_code, seconds))


@pytest.mark.parametrize(
    ("end", "call"),
    [
        (SystemExit(0), (0, 5.0)),
        (SystemExit(ExitCode.STOPPED), (4, 5.0)),
        (SystemExit(ExitCode.TERMINATED), (143, 1.0)),
        (SystemExit(None), (0, 5.0)),
        (SystemExit("why"), (1, 5.0)),
        (KeyboardInterrupt(), (1, 5.0)),
    ],
    ids=repr,
)
def test_after_a_signal_there_is_less_time(end: BaseException, call: tuple[int, float]) -> None:
    """The flush ends before a CI system kills the process; the exit code is the command's."""
    ended = Ended([])
    telemetry = command.Telemetry()
    telemetry._sending = cast("Sending", ended)
    telemetry.__exit__(type(end), end, None)
    assert ended.calls == [call]


def test_a_fault_in_the_telemetry_stops_no_job(
    world: World, here: Here, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is noted once, without its text."""

    def broken(*_arguments: object) -> conventions.Described:
        raise ValueError(SECRET)

    for name in ("of_attempt", "of_operation", "of_result"):
        monkeypatch.setattr(conventions, name, broken)
    done = here(*world.applying)
    assert (done.code, world.all_desired()) == (0, True)
    assert done.err.count("ValueError") == 1
    assert SECRET not in done.err
    assert [span.name for span in receiver.spans] == ["bulkops apply"]


def test_a_variable_that_the_sdk_refuses_stops_no_job(
    world: World, here: Here, receiver: Receiver
) -> None:
    """A queue that is smaller than a batch, for example."""
    done = here(*world.applying, OTEL_BSP_MAX_QUEUE_SIZE="1")
    assert (done.code, receiver.bodies) == (0, [])
    assert "some telemetry was not sent because of an error (ValueError)" in done.err


def test_malformed_headers_are_not_printed(world: World, receiver: Receiver) -> None:
    """The SDK would log the whole variable."""
    malformed = {"OTEL_EXPORTER_OTLP_HEADERS": f'"{SECRET}"'}
    done = world.apply(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, **malformed)
    assert done.code == 0
    assert receiver.spans
    assert SECRET not in done.err


def test_an_interrupted_operation_has_a_span(world: World, here: Here, receiver: Receiver) -> None:
    """What ended without a result is an error that says so."""

    def refuse(request: Request) -> None:
        if request.writes:
            world.simulator.tokens = {}

    world.simulator.before = refuse
    assert here(*world.applying).code == 1
    spans = receiver.named("attach")
    assert spans
    assert {span.attributes["error.type"] for span in spans} == {"no_result"}
    assert all(span.error and span.end >= span.start for span in spans)


def test_a_signal_while_the_rest_is_sent_ends_the_waiting(world: World, receiver: Receiver) -> None:
    """The exit code is that of the job, which has ended by then."""
    receiver.hangs = True
    at_the_end = {"OTEL_BSP_SCHEDULE_DELAY": "600000"}
    process = world.start(
        *world.applying, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, **at_the_end
    )
    receiver.asked.wait()
    process.send_signal(signal.SIGTERM)
    done = ended(process)
    assert (done.code, world.all_desired()) == (0, True)
    assert "12 succeeded of 12 operations" in done.out
