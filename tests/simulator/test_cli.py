"""``bulkops simulate`` as a process."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPMessage
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from bulkops.api.messages import MEDIA_TYPE
from bulkops.cli.app import app
from bulkops.errors import BulkopsError
from tests.cli.forked import SECONDS
from tests.cli.support import logging_restored

Start = Callable[..., "subprocess.Popen[str]"]
COMMAND = "from bulkops.cli.commands.simulate import simulate; simulate()"


@pytest.fixture
def start() -> Iterator[Start]:
    """Start ``simulate`` with arguments; kill what still runs at the end."""
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


def _ask(
    address: str,
    path: str,
    body: object = None,
    *,
    token: str = "any",  # noqa: S107 -- made up
) -> tuple[int, HTTPMessage, Any]:
    """Return status, headers and document of a GET, or of a POST if there is a body."""
    host, port = address.removeprefix("http://").split(":")
    connection = HTTPConnection(host, int(port))
    connection.request(
        "GET" if body is None else "POST",
        path,
        body=None if body is None else msgspec.json.encode(body),
        headers={"Authorization": f"Bearer {token}", "Content-Type": MEDIA_TYPE},
    )
    with connection.getresponse() as response:
        answer = response.read()
    connection.close()
    return response.status, response.headers, msgspec.json.decode(answer)


def _get(address: str, path: str) -> Any:
    return _ask(address, path)[2]


def _ready(process: subprocess.Popen[str]) -> tuple[str, str]:
    assert process.stdout is not None
    found = re.fullmatch(
        r"simulator ready at (http://127\.0\.0\.1:\d+) \((.*)\)\n", process.stdout.readline()
    )
    assert found, process.communicate()
    return found[1], found[2]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_line_when_ready_and_exit_0_on_a_signal(start: Start, number: signal.Signals) -> None:
    """stdout only has the address, and a signal ends the process with 0 and no output."""
    process = start("--port", "0", "--organization", "acme", "--workspaces", "7", "--seed", "3")
    address, what = _ready(process)
    assert what == "organization acme, 7 workspaces"
    workspaces = _get(address, "/api/v2/organizations/acme/workspaces")
    assert workspaces["meta"]["pagination"]["total-count"] == 7
    assert _get(address, "/api/v2/organizations/acme/tasks")["data"] == []
    process.send_signal(number)
    assert process.communicate(timeout=SECONDS) == ("", "")
    assert process.returncode == 0


def test_options_reach_the_server(start: Start) -> None:
    """Run tasks, profile, rate, tokens, latency and faults are set by options."""
    arguments = "--port 0 --workspaces 1 --task scan --task cost --rate 0 --latency 1ms"
    arguments += " --jitter 0.001s --faults POST:503=100% --token any --profile tfe-v202408-1"
    process = start(*arguments.split())
    address, _ = _ready(process)
    tasks = _get(address, "/api/v2/organizations/acme/tasks")["data"]
    assert [task["attributes"]["name"] for task in tasks] == ["scan", "cost"]
    user = _get(address, "/api/v2/account/details")["data"]["attributes"]["username"]
    assert user == "user-1"
    assert _get(address, "/_simulator/stats")["requests"] == 2


def test_several_organizations_are_served(start: Start) -> None:
    """The ready line names them all; each has its workspaces, run tasks, tokens and plan."""
    arguments = "--port 0 --organizations 3 --workspaces 2 --task scan --rate 0"
    arguments += " --token fleet --read-only-token acme-2:fleet --token acme-3:own"
    arguments += " --entitlement acme-3:run-task-limit=1"
    address, what = _ready(start(*arguments.split()))
    assert what == "organizations acme-1, acme-2, acme-3: 2 workspaces each"
    path = "/api/v2/organizations/acme-{}/{}"
    assert _ask(address, path.format(2, "tasks"), NEW_TASK, token="fleet")[0] == 404
    (task,) = _ask(address, path.format(2, "tasks"), token="fleet")[2]["data"]
    assert task["attributes"]["name"] == "scan"
    assert _ask(address, path.format(3, "tasks"), NEW_TASK, token="own")[0] == 422
    assert _ask(address, path.format(1, "workspaces"), token="own")[0] == 404


def test_agent_pools_are_those_of_the_option(start: Start) -> None:
    """Each organization has the pools that --agent-pool names; another one is refused."""
    arguments = "--port 0 --workspaces 0 --agent-pool apool-1 --agent-pool apool-2"
    address, _ = _ready(start(*arguments.split()))
    pools = _get(address, "/api/v2/organizations/acme/agent-pools")["data"]
    assert [pool["id"] for pool in pools] == ["apool-1", "apool-2"]
    statuses = []
    for pool in ("apool-2", "apool-3"):
        linked = {"agent-pool": {"data": {"id": pool, "type": "agent-pools"}}}
        body = {"data": NEW_TASK["data"] | {"relationships": linked}}
        statuses.append(_ask(address, TASKS, body)[0])
    assert statuses == [201, 422]


NEW_TASK = {
    "data": {
        "type": "tasks",
        "attributes": {"name": "new", "url": "https://x.example", "category": "task"},
    }
}
TASKS = "/api/v2/organizations/acme/tasks"


def test_tokens_have_the_options_permissions(start: Start) -> None:
    """Tokens have all permissions, some, or only read, and no other token is accepted."""
    arguments = "--port 0 --workspaces 0 --token all --read-only-token ro --workspace-task-token ws"
    address, _ = _ready(start(*arguments.split()))
    statuses = [_ask(address, TASKS, token=token)[0] for token in ("all", "ro", "ws", "any")]
    assert statuses == [200, 200, 404, 401]
    assert _ask(address, TASKS, NEW_TASK, token="ro")[0] == 404
    assert _ask(address, TASKS, NEW_TASK, token="all")[0] == 201


def test_a_token_given_as_both_only_reads(start: Start) -> None:
    """If a token is given as both, the lesser permission counts."""
    arguments = "--port 0 --workspaces 0 --read-only-token any --token any"
    address, _ = _ready(start(*arguments.split()))
    assert _ask(address, TASKS, NEW_TASK)[0] == 404


def test_entitlements_are_set_by_options(start: Start) -> None:
    """--entitlement sets an entitlement; the others are unlimited."""
    arguments = "--port 0 --workspaces 0 --task scan --entitlement run-task-limit=1"
    arguments += " --entitlement global-run-tasks=false --entitlement run-task-workspace-limit=10"
    address, _ = _ready(start(*arguments.split()))
    entitled = _get(address, "/api/v2/organizations/acme/entitlement-set")["data"]["attributes"]
    assert {name: value for name, value in entitled.items() if "run-task" in name} == {
        "run-tasks": True,
        "global-run-tasks": False,
        "private-run-tasks": True,
        "run-task-limit": 1,
        "run-task-workspace-limit": 10,
        "run-task-mandatory-enforcement-limit": None,
    }
    status, _, refusal = _ask(address, TASKS, NEW_TASK)
    assert status == 422
    assert refusal["errors"][0]["detail"] == "This organization is limited to 1 run tasks"


def test_duplicates_and_lag_are_set_by_options(start: Start) -> None:
    """With both, a second attach succeeds, and the list shows neither yet."""
    arguments = "--port 0 --workspaces 1 --task scan --duplicate-attach accept --lag 1m"
    address, _ = _ready(start(*arguments.split()))
    (task,) = _get(address, TASKS)["data"]
    (workspace,) = _get(address, "/api/v2/organizations/acme/workspaces")["data"]
    link = {
        "data": {
            "type": "workspace-tasks",
            "attributes": {"enforcement-level": "advisory"},
            "relationships": {"task": {"data": {"id": task["id"], "type": "tasks"}}},
        }
    }
    path = f"/api/v2/workspaces/{workspace['id']}/tasks"
    assert [_ask(address, path, link)[0] for _ in range(2)] == [201, 201]
    assert _get(address, path)["data"] == []


def test_retry_after_is_sent_with_the_option(start: Start) -> None:
    """With --retry-after, a 429 has Retry-After in whole seconds."""
    arguments = "--port 0 --workspaces 0 --rate 1 --window sliding --retry-after"
    address, _ = _ready(start(*arguments.split()))
    answers = [_ask(address, TASKS)[:2] for _ in range(2)]
    assert [(status, headers.get("retry-after")) for status, headers in answers] == [
        (200, None),
        (429, "1"),
    ]


ALL_ENTITLEMENTS = (
    "Known: global-run-tasks, private-run-tasks, run-task-limit, "
    "run-task-mandatory-enforcement-limit, run-task-workspace-limit, run-tasks"
)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--lag", "1"), "Write 50ms, 1.5s or 2m"),
        (("--duplicate-attach", "maybe"), "accept"),
        (("--entitlement", "run-tasks"), "write run-tasks=true or run-tasks=false"),
        (("--entitlement", "run-tasks=1"), "write run-tasks=true or run-tasks=false"),
        (("--entitlement", "run-task-limit=-1"), "write a number: run-task-limit=10"),
        (("--entitlement", "run-task-limit=²"), "write a number: run-task-limit=10"),
        (("--entitlement", "run-task-limit"), "write a number: run-task-limit=10"),
        (("--entitlement", "sentinel=true"), f"'sentinel' is not known. {ALL_ENTITLEMENTS}"),
        (("--latency", "5"), "Write 50ms, 1.5s or 2m"),
        (("--jitter", "fast"), "Write 50ms, 1.5s or 2m"),
        (("--faults", "503"), "needs a probability"),
        (("--profile", "tfe-v1"), "Known: hcp, tfe-v202408-1"),
        (("--window", "round"), "fixed"),
        (("--workspaces", "-1"), "--workspaces"),
        (("--organizations", "0"), "--organizations"),
        (("--organizations", "2", "--organization", "a"), "--organizations: give either this"),
        (("--organization", "a b"), "--organization: 'a b': a name consists of"),
        (("--read-only-token", "b:t"), "--read-only-token: 'b' is not served"),
        (("--entitlement", "b:run-tasks=false"), "'b' is not served. Organizations: acme"),
    ],
)
def test_wrong_option_is_a_usage_error(arguments: tuple[str, ...], says: str) -> None:
    """An invalid option is exit 2, and stderr says what is allowed."""
    with logging_restored():
        result = CliRunner().invoke(app, ["simulate", "--port", "0", *arguments])
    assert (result.stdout, result.exit_code) == ("", 2)
    assert says in re.sub(r"[\s│]+", " ", result.stderr)


def test_taken_port_is_an_error_that_names_it() -> None:
    """A port in use is an error that names the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken, logging_restored():
        port = taken.getsockname()[1]
        with pytest.raises(BulkopsError, match=f"can't listen on port {port}"):
            app.main(["simulate", "--port", str(port), "--workspaces", "0"], standalone_mode=False)
