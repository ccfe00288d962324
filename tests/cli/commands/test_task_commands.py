"""``bulkops task …``, run as a shell would run it, against a simulated server."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from bulkops.api.resources import RunTask
from bulkops.cli.output.tasks import print_run_tasks
from bulkops.simulator.core import Simulator
from bulkops.simulator.state import Task, User
from tests.cli.conftest import Command
from tests.cli.support import TOKEN

KEY = "canary-key-55d0"
URL = "https://scan.example.com/hook"
NOBODY = "task-1111111111111111"


def only(simulator: Simulator) -> Task:
    """Return the organization's only run task."""
    (task,) = simulator.world.tasks.values()
    return task


@pytest.mark.parametrize(
    "name",
    [f"task {verb}" for verb in ("list", "show", "create", "update", "delete")]
    + [f"workspace-task {verb}" for verb in ("list", "show", "attach", "update", "detach")],
)
def test_each_command_shows_examples(command: Command, name: str) -> None:
    """--help has an Examples block that begins with the command itself, and exits 0."""
    done = command(*name.split(), "--help")
    assert done.code == 0
    assert "Examples:" in done.out
    assert f"bulkops {name} " in " ".join(done.out.split())


def test_run_tasks_are_listed_as_a_table(command: Command, acme: Simulator) -> None:
    """One line per run task, with aligned columns, and nothing on stderr."""
    acme.add_task("a")
    acme.attach("prod-network", "a")
    done = command("task", "list")
    assert (done.code, done.err) == (0, "")
    header, *rows = done.lines
    assert header.split() == ["NAME", "ID", "ENABLED", "GLOBAL", "ATTACHED", "URL"]
    assert [row.split()[0] for row in rows] == ["security-scan", "a"]
    assert [row.split()[4] for row in rows] == ["0", "1"]
    assert (
        len(
            {
                line.index(mark)
                for line, mark in zip(done.lines, ("ID", "task-", "task-"), strict=True)
            }
        )
        == 1
    )


def test_run_tasks_are_listed_as_json_lines(command: Command, acme: Simulator) -> None:
    """--json prints one object per line, with the attachments that --include requests."""
    acme.add_task("a")
    acme.attach("prod-network", "a")
    done = command("task", "list", "--json", "--include", "workspace_tasks.workspace")
    assert [one["name"] for one in done.objects] == ["security-scan", "a"]
    attached = msgspec.convert(done.objects[1]["workspace_tasks"], list[dict[str, object]])
    assert [(one["workspace_name"], one["project"]) for one in attached] == [
        ("prod-network", "Default Project")
    ]


def test_a_run_task_is_shown_by_name_and_by_id(command: Command, acme: Simulator) -> None:
    """Name and id lead to the same run task, as text and as JSON."""
    task = only(acme)
    for named in (task.name, task.id):
        done = command("task", "show", named)
        assert f"id:           {task.id}" in done.lines
        (shown,) = command("task", "show", named, "--json").objects
        assert (shown["id"], shown["url"], shown["enabled"]) == (task.id, task.url, True)


def test_what_the_server_does_not_show_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    """The table doesn't claim that such a run task is enabled."""
    print_run_tasks([RunTask("task-1", "scan", URL, enabled=None)], as_json=False)
    assert "task-1  unknown  no" in capsys.readouterr().out


def test_an_id_needs_no_organization(
    command: Command, acme: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An id is enough; a name without an organization is a usage error."""
    monkeypatch.delenv("TFE_ORGANIZATION")
    assert command("task", "show", only(acme).id).code == 0
    done = command("task", "show", "security-scan")
    assert done.code == 2
    assert "TFE_ORGANIZATION" in done.err
    assert command("task", "show", "security-scan", "--organization", "acme").code == 0


def test_where_a_run_task_is_attached_is_shown(command: Command, acme: Simulator) -> None:
    """With --include, the workspaces are named with level and stages."""
    acme.attach("prod-network", "security-scan", stages=("pre_plan", "post_plan"))
    done = command("task", "show", "security-scan", "--include", "workspace_tasks.workspace")
    assert "attached:     prod-network (advisory, pre_plan+post_plan)" in done.lines
    assert "attached:     1 workspace" in command("task", "show", "security-scan").lines


def test_a_mistyped_name_is_reported_with_the_existing_names(
    command: Command, acme: Simulator
) -> None:
    """An unknown name is a usage error that lists the existing names."""
    acme.add_task("lint")
    done = command("task", "show", "securty-scan")
    assert (done.code, done.out) == (2, "")
    assert '"securty-scan": no such run task in acme' in done.err
    assert "it sees: lint, security-scan" in done.err


def test_a_name_of_several_run_tasks_is_reported_with_their_ids(
    command: Command, acme: Simulator
) -> None:
    """bulkops picks none of them; the message has their ids."""
    first, second = only(acme), acme.add_task("lint")
    second.name = first.name
    done = command("task", "delete", "security-scan", "--yes")
    assert done.code == 2
    assert first.id in done.err
    assert second.id in done.err
    assert not acme.effects


@pytest.mark.parametrize("arguments", [("show", NOBODY), ("delete", NOBODY, "--yes")])
def test_an_unknown_id_names_both_causes(
    command: Command, acme: Simulator, arguments: tuple[str, ...]
) -> None:
    """The API's 404 means missing or not permitted, and the message names both."""
    done = command("task", *arguments)
    assert done.code == 1
    assert "404" in done.err
    assert "does not exist, or this token can't" in done.err
    assert not acme.effects


def test_a_bad_token_ends_the_command(
    command: Command, served: Callable[[Simulator], Simulator]
) -> None:
    """After a 401 the message names where the token is from."""
    served(Simulator(rate=0, tokens={"another": User(name="ann")}))
    done = command("task", "list")
    assert done.code == 1
    assert "TFE_TOKEN" in done.err


def test_a_token_without_rights_gets_a_message(
    command: Command, served: Callable[[Simulator], Simulator]
) -> None:
    """A write without the right is a 404, and the message names both causes."""
    simulator = Simulator(rate=0, tokens={TOKEN: User.read_only("bob")})
    simulator.add_organization("acme")
    served(simulator)
    done = command("task", "create", "new", "--url", URL)
    assert done.code == 1
    assert "this token can't" in done.err


def test_control_characters_in_names_do_not_reach_the_terminal(
    command: Command, acme: Simulator
) -> None:
    """They are removed from text, and escaped in JSON."""
    only(acme).description = "a\x1b[31mb"
    assert "\x1b" not in command("task", "show", "security-scan").out
    assert "\x1b" not in command("task", "show", "security-scan", "--json").out
