"""What users see if a server, a token or an organization prevents a job."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from bulkops.api.messages import Request
from bulkops.simulator.faults import Faults
from bulkops.simulator.state import Entitlements, User
from tests.cli.support import HMAC_KEY, TASK, TOKEN, StagedSimulator, World, serving, workspaces
from tests.conftest import Here


def _as(world: World, user: User | None) -> None:
    """Give the token to a user; ``None``: to no user."""
    world.simulator.tokens = {TOKEN: user} if user else {}


@pytest.mark.parametrize("command", [("plan",), ("apply", "--yes")], ids=["plan", "apply"])
def test_a_rejected_token(world: World, here: Here, command: tuple[str, ...]) -> None:
    """A token that the server rejects: exit 1, and the message says to set a valid one."""
    _as(world, None)
    done = here(*command, "job.toml")
    assert (done.code, done.out) == (1, "")
    assert "the token is missing, expired or revoked. Put a valid one in TFE_TOKEN" in done.err
    assert world.requests <= 2
    assert not list(world.folder.rglob("*.jsonl"))


@pytest.mark.parametrize("kept", ["variable", "file"])
def test_a_rejected_tokens_source_is_named(world: World, here: Here, kept: str) -> None:
    """The message names the variable of its host, or the credentials file, never another one."""
    _as(world, None)
    host = urlsplit(world.address).netloc
    variable = f"TF_TOKEN_{host.replace('.', '_')}"
    file = world.folder / ".terraform.d" / "credentials.tfrc.json"
    file.parent.mkdir()
    if kept == "file":
        file.write_text(json.dumps({"credentials": {host: {"token": "a-token"}}}))
    own = {variable: "a-token"} if kept == "variable" else {}
    done = here("plan", "job.toml", TFE_TOKEN="", HOME=str(world.folder), **own)
    assert done.code == 1
    place = variable if kept == "variable" else str(file)
    assert f"Put a valid one in {place}" in done.err
    assert "TFE_TOKEN" not in done.err


def test_an_unknown_organization(world: World, here: Here) -> None:
    """Exit 2; the message names it, and missing rights as a possible reason."""
    world.job(('"acme"', '"acne"'))
    done = here("apply", "job.toml", "--yes")
    assert done.code == 2
    assert 'organization = "acne": it does not exist, or this token can\'t' in done.err
    assert world.writes == 0


def test_a_token_revoked_in_the_middle(world: World, here: Here) -> None:
    """A token rejected while the job runs: exit 1, the progress so far, and how to resume."""
    world.job(("[pace]", "[pace]\nmax_at_once = 1"))

    def revoke(_request: Request) -> None:
        if world.writes == 4:
            _as(world, None)

    world.simulator.before = revoke
    done = here(*world.applying)
    assert done.code == 1
    assert sum(line.startswith("succeeded") for line in done.lines) == 4
    assert "Not finished. `bulkops resume scan.jsonl` resumes it." in done.err
    assert "Put a valid one in TFE_TOKEN" in done.err.splitlines()[-1]
    world.simulator.before = None
    world.simulator.tokens = None
    assert here(*world.applying).code == 0
    assert set(world.changed().values()) == {1}


def test_a_token_that_may_only_read(world: World, here: Here) -> None:
    """Without the right on any workspace, all are listed as blocked: exit 3, nothing is sent."""
    _as(world, User.read_only("bob"))
    done = here("apply", "job.toml", "--yes")
    assert done.code == 3
    assert "! 12 workspaces  blocked: this token can't manage its run tasks" in done.err
    assert "0 skipped, 12 blocked." in done.err
    assert world.writes == 0


def test_a_token_that_may_change_some(world: World, here: Here) -> None:
    """With the right on some workspaces, those are changed and the others listed: exit 3."""
    allowed = {"prod-001", "prod-002"}
    _as(world, User(name="bob", manage_workspace_run_tasks=allowed))
    done = here(*world.applying)
    assert done.code == 3
    assert set(world.changed()) == allowed
    assert any(line.startswith("  blocked    10 workspaces:  ") for line in done.lines)
    each = here("report", "scan.jsonl", "--only", "failed").lines
    blocked = {line.split()[1] for line in each if line.startswith("  blocked ")}
    assert blocked == set(workspaces(12)) - allowed


def test_a_right_revoked_after_the_plan(world: World, here: Here) -> None:
    """Those operations fail with the server's message: exit 3."""
    world.job(("[pace]", "[rollout]\nmax_failures = 12\n[pace]"))

    def take_away(request: Request) -> None:
        if request.writes:
            world.simulator.before = None
            _as(world, User.read_only("bob"))

    world.simulator.before = take_away
    done = here(*world.applying)
    assert done.code == 3
    failed = [line for line in done.lines if line.startswith("failed")]
    assert len(failed) == 12
    assert all("(missing, or this token has no access)" in line for line in failed)


def _once(world: World, change: Callable[[], object]) -> None:
    """Let something happen between plan and apply: before the first write."""

    def strike(request: Request) -> None:
        if request.writes:
            world.simulator.before = None
            change()

    world.simulator.before = strike


def test_a_workspace_deleted_after_the_plan(world: World, here: Here) -> None:
    """Only its operation fails; the others succeed: exit 3."""
    world.job(("[pace]", "[rollout]\nmax_failures = 1\n[pace]"))
    _once(world, lambda: world.simulator.remove_workspace("prod-012"))
    done = here(*world.applying)
    assert done.code == 3
    assert "  11 succeeded, 1 failed of 12 operations" in done.lines
    failed = next(line for line in done.lines if line.startswith("failed"))
    assert "prod-012" in failed
    assert "404" in failed


@pytest.mark.parametrize(
    ("level", "code", "word"), [("mandatory", 0, "skipped"), ("advisory", 3, "conflict")]
)
def test_an_attachment_made_outside_the_job_is_a_skip_or_a_conflict(
    world: World, here: Here, level: str, code: int, word: str
) -> None:
    """An attachment made outside the job is a skip if it is as desired, otherwise a conflict."""
    world.simulator.duplicate_attach = "reject"
    world.job(("[pace]", "[rollout]\nmax_failures = 1\n[pace]"))
    _once(world, lambda: world.simulator.attach("prod-012", TASK, enforcement_level=level))
    done = here(*world.applying)
    assert done.code == code
    assert f"  11 succeeded, 1 {word} of 12 operations" in done.lines
    assert any(line.startswith(f"{word:<9}  prod-012") for line in done.lines)
    assert "prod-012" not in world.changed()


def test_a_second_attachment_is_found(world: World, here: Here) -> None:
    """If the server lets a task be attached twice, the verification reports it, exit 3."""
    _once(world, lambda: world.simulator.attach("prod-012", TASK, enforcement_level="mandatory"))
    done = here(*world.applying)
    assert done.code == 3
    assert "  verified: 11 of 12 operations, 1 drifted" in done.lines
    assert "prod-012" in done.lines[-1]
    assert "the server showed 2 attachments (wstask-" in done.lines[-1]


@pytest.mark.parametrize("command", [("plan",), ("apply", "--yes")], ids=["plan", "apply"])
def test_over_the_entitlement(here: Here, command: tuple[str, ...]) -> None:
    """A plan beyond the organization's entitlement is refused before the first change, exit 2."""
    simulator = StagedSimulator(rate=0)
    simulator.add_organization("acme", entitlements=Entitlements(run_task_workspace_limit=10))
    for name in workspaces(12):
        simulator.add_workspace(name)
    simulator.add_task(TASK)
    with serving(simulator) as address:
        done = here(*command, "job.toml", "--address", address)
    assert done.code == 2
    assert "12 workspaces would have the run task" in done.err
    assert "but this organization's plan allows 10" in done.err
    assert "Select fewer" in done.err
    assert not simulator.effects


@pytest.mark.parametrize("kind", ["503", "502-html", "500", "close-before", "cut"])
def test_a_server_that_never_answers_well(world: World, here: Here, kind: str) -> None:
    """Reads that always fail end the command with 1, the reason, and what to do next."""
    world.simulator.faults = Faults.parse(f"{kind}=100%,PING:{kind}=100%", 0)
    done = here("apply", "job.toml", "--yes")
    assert (done.code, done.out) == (1, "")
    assert "TFE_ADDRESS" in done.err
    assert world.requests <= 20


def test_writes_that_are_never_carried_out(world: World, here: Here) -> None:
    """If writes always get a 503, the job gives up soon (exit 4) and can do them later."""
    # One: the pace falls with each 503.
    world.job(('"50ms"', '"1ms"'), ("all = true", 'names = ["prod-001"]'))
    world.simulator.faults = Faults.parse("POST:503=100%", 0)
    done = here(*world.applying)
    assert done.code == 4
    assert "503 Service unavailable." in done.out
    assert "bulkops resume scan.jsonl" in done.err
    assert world.requests < 30
    world.simulator.faults = None
    assert here(*world.applying, "--retry-failed", "--continue").code == 0
    assert world.changed() == {"prod-001": 1}


def test_faults_of_every_kind_change_nothing_twice(world: World, here: Here) -> None:
    """Lost answers, broken connections and 503s: every change is made once, exit 0."""
    spec = "POST:close-after=20%,POST:503-after=10%,POST:reset-before=10%,503=10%,cut=5%,429=5%"
    world.simulator.faults = Faults.parse(spec, 7)
    done = here(*world.applying)
    assert done.code == 0
    assert world.all_desired()
    assert set(world.changed().values()) == {1}
    assert sum(world.simulator.stats.faults.values()) > 5


def test_debug_shows_the_traceback(here: Here) -> None:
    """``--debug`` adds every request and the traceback of an error, never the token."""
    quiet = here("plan", "job.toml", "--address", "http://127.0.0.1:9")
    assert "Traceback" not in quiet.err
    loud = here("--debug", "plan", "job.toml", "--address", "http://127.0.0.1:9", debug=True)
    assert loud.code == quiet.code == 1
    assert "Traceback (most recent call last)" in loud.err
    assert "request_finished" in loud.err
    assert loud.err.splitlines()[-2].startswith("Error: http://127.0.0.1:9")


def test_an_unexpected_exception_is_called_a_bug(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 1, a line that calls it a bug, and no traceback."""

    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("bulkops.cli.session.load_job", broken)
    with pytest.raises(AssertionError, match="ZeroDivisionError inside bulkops: by nought"):
        here("plan", "job.toml")


def test_secrets_of_a_run_task_are_shown_nowhere(world: World, here: Here) -> None:
    """An HMAC key given to ``task create`` appears in no output, not even with ``--debug``."""
    done = here(
        "--debug",
        "task",
        "create",
        "keyed",
        "--url",
        "https://example.com/hook",
        "--organization",
        "acme",
        "--hmac-key-env",
        "KEY",
        debug=True,
        KEY=HMAC_KEY,
    )
    assert done.code == 0, done.err
    assert HMAC_KEY not in done.out + done.err
    assert world.simulator.world.organizations["acme"].tasks["keyed"].name == "keyed"
