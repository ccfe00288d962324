"""``bulkops task create|update|delete``, run as a shell would run them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bulkops.cli.single_write import single_write
from bulkops.errors import BulkopsError, NoResponse
from bulkops.simulator.core import Simulator
from bulkops.simulator.faults import Faults
from bulkops.simulator.state import Entitlements, Task
from tests.cli.conftest import Command
from tests.cli.support import StagedSimulator

KEY = "canary-key-55d0"
URL = "https://scan.example.com/hook"


def only(simulator: Simulator) -> Task:
    """Return the organization's only run task."""
    (task,) = simulator.world.tasks.values()
    return task


def test_a_run_task_is_created_with_every_option(
    command: Command, acme: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every option reaches the server; the key is never printed."""
    monkeypatch.setenv("SCAN_KEY", KEY)
    done = command(
        *("task", "create", "new", "--url", URL, "--description", "d", "--hmac-key-env"),
        *("SCAN_KEY", "--disabled", "--global-enforcement-level", "mandatory"),
        *("--global-stage", "pre_apply", "--global-stage", "pre_plan"),
        *("--agent-pool-id", "apool-1", "--json"),
    )
    assert (done.code, done.err) == (0, "")
    (shown,) = done.objects
    assert shown["global_configuration"] == {
        "enabled": True,
        "stages": ["pre_plan", "pre_apply"],
        "enforcement_level": "mandatory",
    }
    assert (shown["description"], shown["enabled"], shown["agent_pool_id"]) == (
        "d",
        False,
        "apool-1",
    )
    assert acme.world.organizations["acme"].tasks["new"].hmac_key == KEY
    assert KEY not in done.out


def test_a_key_comes_from_a_file(command: Command, acme: Simulator, tmp_path: Path) -> None:
    """A file's final line break is not part of the key."""
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    assert command("task", "create", "new", "--url", URL, "--hmac-key-file", str(file)).code == 0
    assert acme.world.organizations["acme"].tasks["new"].hmac_key == KEY


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--hmac-key-env", "NOT_SET"), "the variable contains no key"),
        (("--hmac-key-file", "not-there"), "can't be read"),
        (("--hmac-key-file", "/dev/null"), "the file contains no key"),
        (("--hmac-key-env", "HOME", "--hmac-key-file", "x"), "can't be used together"),
        (("--global-stage", "post_lunch"), "post_lunch: the stages are pre_plan"),
        (("--global-enforcement-level", "strict"), "strict"),
    ],
)
def test_an_invalid_run_task_is_a_usage_error(
    command: Command, acme: Simulator, options: tuple[str, ...], message: str
) -> None:
    """It is refused before anything is sent."""
    done = command("task", "create", "new", "--url", URL, *options)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not acme.effects


@pytest.mark.parametrize(
    ("name", "url", "message"),
    [
        ("security-scan", URL, "Name has already been taken"),
        ("a b", URL, "422"),
        ("new", "no url", "URL is invalid"),
    ],
)
def test_a_refusal_is_quoted(
    command: Command, acme: Simulator, name: str, url: str, message: str
) -> None:
    """A 422 exits 1 with the server's own message."""
    done = command("task", "create", name, "--url", url)
    assert done.code == 1
    assert message in done.err
    assert not acme.effects


def test_an_ignored_global_configuration_is_warned_of(
    command: Command, served: Callable[[Simulator], Simulator]
) -> None:
    """Without the entitlement the server answers 201 but ignores it: stderr warns."""
    simulator = Simulator(rate=0)
    simulator.add_organization("acme", entitlements=Entitlements(global_run_tasks=False))
    simulator.add_task("scan")
    served(simulator)
    for arguments in (("create", "new", "--url", URL), ("update", "scan", "--yes")):
        done = command("task", *arguments, "--global-stage", "pre_plan", "--json")
        assert done.code == 0
        assert len(done.objects) == 1
        assert "Warning: the server ignored the global configuration" in done.err


@pytest.mark.parametrize(
    ("options", "attribute", "value"),
    [
        (("--name", "other"), "name", "other"),
        (("--url", URL), "url", URL),
        (("--description", "d"), "description", "d"),
        (("--hmac-key-env", "TFE_ORGANIZATION"), "hmac_key", "acme"),
        (("--remove-hmac-key",), "hmac_key", None),
        (("--disabled",), "enabled", False),
        (("--agent-pool-id", "apool-1"), "agent_pool", "apool-1"),
        (("--no-agent-pool",), "agent_pool", None),
    ],
)
def test_each_option_updates_one_attribute(
    command: Command, acme: Simulator, options: tuple[str, ...], attribute: str, value: object
) -> None:
    """Each option changes its own attribute and no other."""
    task = only(acme)
    task.hmac_key, task.agent_pool = KEY, "apool-0"
    before = {name: getattr(task, name) for name in task.__struct_fields__}
    done = command("task", "update", "security-scan", *options, "--yes")
    after = {name: getattr(task, name) for name in task.__struct_fields__}
    assert (done.code, done.err) == (0, "")
    assert after[attribute] == value
    changed = {name for name, fact in after.items() if fact != before[name]}
    assert changed - {"updated_at"} == {attribute}


def test_a_global_configuration_keeps_omitted_values(command: Command, acme: Simulator) -> None:
    """Changing only the level keeps the stages."""
    command("task", "update", "security-scan", "--global-stage", "pre_apply", "--yes")
    done = command(
        "task", "update", "security-scan", "--global-enforcement-level", "mandatory", "--yes"
    )
    assert "global:       mandatory, pre_apply" in done.lines
    assert done.err == ""
    assert only(acme).enabled


def test_a_global_configuration_is_switched_off(command: Command, acme: Simulator) -> None:
    """``--no-global`` keeps level and stages for later, and causes no warning."""
    command("task", "update", "security-scan", "--global-stage", "pre_apply", "--yes")
    done = command("task", "update", "security-scan", "--no-global", "--yes")
    assert "global:       no" in done.lines
    assert (done.code, done.err) == (0, "")
    configuration = only(acme).global_configuration
    assert configuration is not None
    assert (configuration.enabled, configuration.stages) == (False, ("pre_apply",))


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--remove-hmac-key", "--hmac-key-env", "HOME"),
        ("--no-agent-pool", "--agent-pool-id", "apool-1"),
        ("--no-global", "--global-stage", "pre_plan"),
    ],
)
def test_an_empty_or_contradictory_update_is_refused(
    command: Command, acme: Simulator, options: tuple[str, ...]
) -> None:
    """An update must name a change, and no two that contradict each other."""
    assert command("task", "update", "security-scan", "--yes", *options).code == 2
    assert not acme.effects


@pytest.mark.parametrize(
    "arguments", [("update", "security-scan", "--disabled"), ("delete", "security-scan")]
)
def test_without_a_terminal_a_change_needs_yes(
    command: Command, acme: Simulator, arguments: tuple[str, ...]
) -> None:
    """Without a terminal, a change needs --yes."""
    done = command("task", *arguments)
    assert done.code == 2
    assert "--yes" in done.err
    assert not acme.effects


def test_a_run_task_is_deleted(command: Command, acme: Simulator) -> None:
    """The deletion is reported in one line, as text and as JSON."""
    first, second = only(acme), acme.add_task("lint")
    done = command("task", "delete", "security-scan", "--yes")
    assert (done.code, done.out, done.err) == (0, f"deleted security-scan ({first.id})\n", "")
    done = command("task", "delete", second.id, "--yes", "--json")
    assert done.objects == [{"type": "deleted", "id": second.id, "name": "lint"}]
    assert not acme.world.tasks


def test_an_attached_run_task_is_not_deleted(command: Command, acme: Simulator) -> None:
    """The server's refusal is quoted."""
    acme.attach("prod-network", "security-scan")
    done = command("task", "delete", "security-scan", "--yes")
    assert done.code == 1
    assert "still associated with 1 workspaces" in done.err


@pytest.mark.parametrize("fault", ["500-after", "502-after", "close-after", "cut"])
@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("POST", ("create", "new", "--url", URL)),
        ("PATCH", ("update", "security-scan", "--disabled", "--yes")),
        ("DELETE", ("delete", "security-scan", "--yes")),
    ],
)
def test_a_lost_answer_to_a_write_is_reported(
    command: Command,
    served: Callable[[Simulator], Simulator],
    method: str,
    arguments: tuple[str, ...],
    fault: str,
) -> None:
    """Whether it took effect is unknown: the message names the command that shows it."""
    simulator = StagedSimulator(rate=0)
    simulator.faults = Faults.parse(f"{method}:{fault}=100%", seed=1)
    simulator.add_organization("acme")
    simulator.add_task("security-scan")
    served(simulator)
    done = command("task", *arguments)
    assert (done.code, done.out) == (1, "")
    assert "may or may not have taken effect" in done.err
    assert "bulkops task show" in done.err
    assert len(simulator.effects) == 1


def test_the_suggested_command_is_safe_to_paste() -> None:
    """An id from the server is quoted as one word in the suggested command."""
    lost = NoResponse("gone", sent=True)
    with (
        pytest.raises(BulkopsError, match=r"bulkops task show 'x; touch y'\Z"),
        single_write("task", "show", "x; touch y"),
    ):
        raise lost


def test_a_write_that_was_never_sent_is_not_in_doubt() -> None:
    """If the connection failed, the message reports that nothing was sent."""
    refused = NoResponse("connection refused", sent=False)
    with pytest.raises(NoResponse) as caught, single_write("task", "list"):
        raise refused
    assert caught.value is refused
