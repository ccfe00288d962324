"""``bulkops simulate`` as a process."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from bulkops.cli.simulate import simulate
from bulkops.errors import BulkopsError

Start = Callable[..., "subprocess.Popen[str]"]
COMMAND = "import typer; from bulkops.cli.simulate import simulate; typer.run(simulate)"


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts ``simulate`` with arguments; what still runs is killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def _get(address: str, path: str) -> Any:
    host, port = address.removeprefix("http://").split(":")
    connection = HTTPConnection(host, int(port))
    connection.request("GET", path, headers={"Authorization": "Bearer any"})
    with connection.getresponse() as response:
        body = response.read()
    connection.close()
    return msgspec.json.decode(body)


def _ready(process: subprocess.Popen[str]) -> tuple[str, str]:
    assert process.stdout is not None
    found = re.fullmatch(
        r"simulator ready at (http://127\.0\.0\.1:\d+) \((.*)\)\n", process.stdout.readline()
    )
    assert found, process.communicate()
    return found[1], found[2]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_line_when_ready_and_exit_0_on_a_signal(start: Start, number: signal.Signals) -> None:
    """The address is the only line on stdout, and a signal ends the process quietly with 0."""
    process = start("--port", "0", "--organization", "acme", "--workspaces", "7", "--seed", "3")
    address, what = _ready(process)
    assert what == "organization acme, 7 workspaces"
    workspaces = _get(address, "/api/v2/organizations/acme/workspaces")
    assert workspaces["meta"]["pagination"]["total-count"] == 7
    assert _get(address, "/api/v2/organizations/acme/tasks")["data"] == []
    process.send_signal(number)
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0


def test_options_reach_the_server(start: Start) -> None:
    """Run tasks, profile, rate, tokens, latency and faults are as the options say."""
    arguments = "--port 0 --workspaces 1 --task scan --task cost --rate 0 --latency 1ms"
    arguments += " --jitter 0.001s --faults POST:503=100% --token any --profile tfe-v202408-1"
    process = start(*arguments.split())
    address, _ = _ready(process)
    tasks = _get(address, "/api/v2/organizations/acme/tasks")["data"]
    assert [task["attributes"]["name"] for task in tasks] == ["scan", "cost"]
    user = _get(address, "/api/v2/account/details")["data"]["attributes"]["username"]
    assert user == "user-1"
    assert _get(address, "/_simulator/stats")["requests"] == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--latency", "5"), "write 50ms, 1.5s or 2m"),
        (("--jitter", "fast"), "write 50ms, 1.5s or 2m"),
        (("--faults", "503"), "needs a probability"),
        (("--profile", "tfe-v1"), "one of hcp, tfe-v202408-1"),
        (("--window", "round"), "fixed"),
        (("--workspaces", "-1"), "--workspaces"),
    ],
)
def test_wrong_option_is_a_usage_error(arguments: tuple[str, ...], says: str) -> None:
    """An option that can't be understood is exit 2, and stderr says what is allowed."""
    app = typer.Typer()
    app.command()(simulate)
    result = CliRunner().invoke(app, ["--port", "0", *arguments])
    assert (result.stdout, result.exit_code) == ("", 2)
    assert says in re.sub(r"[\s│]+", " ", result.stderr)


def test_taken_port_is_an_error_that_names_it() -> None:
    """A port that somebody listens on already is an error that names the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BulkopsError, match=f"can't listen on port {port}"):
            simulate(port=port, workspaces=0)
