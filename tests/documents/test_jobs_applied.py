"""The ready job files do what their first lines say, on a partly changed organization."""

from __future__ import annotations

import csv
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGKILL
from typing import NamedTuple

import pytest

from bulkops.simulator.core import Simulator
from bulkops.simulator.effects import snapshot
from bulkops.simulator.population import populate
from bulkops.simulator.state import Workspace
from tests.cli.support import StagedSimulator, World, no_secret_below, serving
from tests.conftest import Here

JOBS = Path(__file__).resolve().parents[2] / "jobs"
FLEET = JOBS / "fleet.toml"
FILES = sorted({*JOBS.glob("*.toml")} - {FLEET})

Attachments = list[tuple[str, tuple[str, ...]]]
"""Level and stages of each attachment of one run task to one workspace."""

State = dict[tuple[str, str], Attachments]
"""Workspace and run task → its attachments."""

TASKS = (
    "security-scan",
    "legacy-lint",
    "pci-check",
    "cost-estimate",
    "modern-scan",
    "legacy-scan",
)
HALF_DONE: tuple[Attachments, ...] = (
    [("mandatory", ("post_plan",))],
    [("advisory", ("post_plan",))],
    [("advisory", ("pre_plan", "post_plan"))],
    [],
    [],
)


class Expected(NamedTuple):
    """The effect that a job's comment describes.

    Attributes:
        task: the run task that it changes.
        after: returns a workspace's attachments after the job, from those before.
        replaces: the run task whose attachments ``task`` gets in exchange.
    """

    task: str
    after: Callable[[Workspace, Attachments], Attachments]
    replaces: str = ""

    def shown(
        self, workspace: Workspace, task: str, observed: dict[str, Attachments]
    ) -> Attachments:
        """Return a task's attachments after the job; ``observed`` are those of all before."""
        if task == self.replaces:
            return []
        old = observed.get(self.replaces)
        return self.after(workspace, old or observed[task]) if task == self.task else observed[task]


def _required(workspace: Workspace, before: Attachments) -> Attachments:
    name = workspace.name
    meant = name.startswith("prod-") and not name.endswith("-sandbox")
    return [("mandatory", ("post_plan",))] if meant else before


def _canary(workspace: Workspace, before: Attachments) -> Attachments:
    return [("advisory", ("post_plan",))] if "canary" in workspace.tags else before


def _in_project(workspace: Workspace, before: Attachments) -> Attachments:
    tags = set(workspace.tags)
    meant = workspace.project.name == "payments" and "prod" in tags and "canary" not in tags
    return [("mandatory", ("pre_plan", "post_plan"))] if meant else before


def _as_listed(workspace: Workspace, before: Attachments) -> Attachments:
    with (JOBS / "as-listed.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["workspace"]: row for row in csv.DictReader(file)}
    if workspace.name not in rows:
        return before
    row = rows[workspace.name]
    return [(row["enforcement_level"] or "advisory", tuple((row["stages"] or "post_plan").split()))]


def _except_sandbox(workspace: Workspace, before: Attachments) -> Attachments:
    meant = workspace.tag_bindings.get("env") == "prod" and workspace.project.name != "sandbox"
    return [("mandatory", ("post_plan",))] if meant else before


SEVERAL = JOBS / "change-scanner-and-version.toml"
AFTER_SEVERAL: dict[str, Attachments] = {
    "modern-scan": [("mandatory", ("post_plan",))],
    "legacy-scan": [],
}
"""The attachments to production workspaces after the job of several steps."""

EXPECTED = {
    "advisory-to-mandatory": Expected(
        "security-scan", lambda _, before: [("mandatory", stages) for _level, stages in before]
    ),
    "as-listed": Expected("security-scan", _as_listed),
    "canary": Expected("security-scan", _canary),
    "detach-retired": Expected("legacy-lint", lambda _workspace, _before: []),
    "enforce-in-project": Expected("pci-check", _in_project),
    "move-stage": Expected(
        "cost-estimate", lambda _, before: [(level, ("pre_apply",)) for level, _stages in before]
    ),
    "prod-except-sandbox": Expected("security-scan", _except_sandbox),
    "replace-scanner": Expected("modern-scan", lambda _, old: old, replaces="legacy-scan"),
    "require-security-scan": Expected("security-scan", _required),
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return a realistic organization, with every run task attached to some workspaces."""
    simulator = StagedSimulator(rate=0)
    populate(simulator, "acme", workspaces=150, seed=3)
    simulator.add_workspace("prod-app-sandbox", project="payments", tags=["prod"])
    for shift, task in enumerate(TASKS):
        simulator.add_task(task)
        for number, name in enumerate(simulator.world.organizations["acme"].workspaces):
            for level, stages in HALF_DONE[(number + shift) % len(HALF_DONE)]:
                simulator.attach(name, task, enforcement_level=level, stages=stages)
    with serving(simulator) as address:
        yield World(simulator, address, tmp_path)
    no_secret_below(tmp_path)


def _state(simulator: Simulator) -> State:
    return {
        (name, task): [(a.enforcement_level, a.stages) for a in simulator.attachments(name, task)]
        for name in simulator.world.organizations["acme"].workspaces
        for task in TASKS
    }


def _expected(simulator: Simulator, job: Expected, before: State) -> State:
    workspaces = simulator.world.organizations["acme"].workspaces
    return {
        (name, task): job.shown(workspaces[name], task, {t: before[name, t] for t in TASKS})
        for name, task in before
    }


def _settling_at_once(text: str) -> str:
    # This server applies every write at once: nothing has to be waited for.
    table = "[pace]\n" if "[pace]\n" in text else "[select]\n"
    pace = '[pace]\nsettle = "100ms"\n'
    return text.replace(table, pace if table == "[pace]\n" else f"{pace}\n{table}")


each_job = pytest.mark.parametrize(
    "path", [path for path in FILES if path.stem in EXPECTED], ids=lambda path: path.stem
)


@pytest.mark.long
@each_job
def test_a_job_that_is_killed_is_resumed_and_undone(world: World, here: Here, path: Path) -> None:
    """Killed after its third write, it makes each change once; the undo restores every state."""
    job, simulator = EXPECTED[path.stem], world.simulator
    before = _state(simulator)
    expected = _expected(simulator, job, before)
    confirmation = ("--confirm", job.task) if job.task == "legacy-lint" else ("--yes",)
    quick = world.folder / path.name
    quick.write_text(_settling_at_once(path.read_text(encoding="utf-8")), encoding="utf-8")
    for listing in path.parent.glob(f"{path.stem}.csv"):
        shutil.copy(listing, world.folder)
    applying = ("apply", quick.name, "--journal", "job.jsonl", *confirmation)
    assert world.kill(SIGKILL, write=3, stage="after", arguments=applying).code == -SIGKILL
    assert _state(simulator) != before
    assert here(*applying).code == 0
    assert _state(simulator) == expected
    assert world.writes == sum(expected[place] != before[place] for place in before)
    assert here("undo", "job.jsonl", "--yes").code == 0
    assert _state(simulator) == before


@each_job
def test_a_job_ends_as_its_comment_says(world: World, here: Here, path: Path) -> None:
    """An apply has the effect in the comment and no other, and a second plan is empty."""
    job, simulator = EXPECTED[path.stem], world.simulator
    before = _state(simulator)
    expected = _expected(simulator, job, before)
    changed = Counter(name for name, task in before if expected[name, task] != before[name, task])
    changes = changed.total()
    assert changes

    assert here("plan", str(path), "--detailed-exitcode").code == 2
    assert _state(simulator) == before
    confirmation = ("--confirm", job.task) if job.task == "legacy-lint" else ("--yes",)
    done = here("apply", str(path), *confirmation)
    assert done.code == 0, done
    assert f"  {changes} succeeded of {changes} operations" in done.lines
    assert _state(simulator) == expected
    assert world.writes == changes
    assert world.changed() == changed

    again = here("plan", str(path), "--detailed-exitcode")
    assert again.code == 0
    assert "Plan: 0 to attach, 0 to update, 0 to detach; " in again.out


@pytest.mark.parametrize("write", [1, 4])
def test_the_job_with_values_is_resumed_and_undone_without_its_file(
    world: World, here: Here, write: int
) -> None:
    """Killed at a write, it is resumed and undone from the journal alone, each change once."""
    simulator, folder = world.simulator, world.folder
    for name in ("as-listed.toml", "as-listed.csv"):
        shutil.copy(JOBS / name, folder)
    before = _state(simulator)
    workspaces = simulator.world.organizations["acme"].workspaces
    expected = {
        (name, task): _as_listed(workspaces[name], shown) if task == "security-scan" else shown
        for (name, task), shown in before.items()
    }
    changed = {name: 1 for name, task in before if expected[name, task] != before[name, task]}
    apply = ("apply", "as-listed.toml", "--yes", "--journal", "listed.jsonl")
    assert world.kill(signal.SIGKILL, write=write, stage="after", arguments=apply).code < 0

    listing = folder / "as-listed.csv"
    listing.write_text(listing.read_text("utf-8").replace("mandatory", "advisory"), "utf-8")
    other = here(*apply)
    assert other.code == 2
    assert "listed.jsonl: is the journal of another job" in other.err
    listing.unlink()
    done = here("resume", "listed.jsonl", "--yes")
    assert done.code == 0, done
    assert _state(simulator) == expected
    assert world.changed() == changed
    assert here("verify", "listed.jsonl").code == 0

    assert here("undo", "listed.jsonl", "--yes").code == 0
    assert _state(simulator) == before
    assert world.changed() == dict.fromkeys(changed, 2)


def test_the_terraform_version_job_ends_as_its_comment_says(world: World, here: Here) -> None:
    """Production workspaces get the version, nothing else changes, and undo restores it."""
    workspaces = world.simulator.world.organizations["acme"].workspaces
    for number, workspace in enumerate(workspaces.values()):
        workspace.terraform_version = ("1.5.7", "1.9.8", "1.8.0")[number % 3]
    before = {name: snapshot(workspace) for name, workspace in workspaces.items()}
    expected = {
        name: {**observed, "terraform-version": "1.9.8"} if name.startswith("prod-") else observed
        for name, observed in before.items()
    }
    changes = sum(expected[name] != before[name] for name in before)
    assert changes
    path = str(JOBS / "terraform-version.toml")
    done = here("apply", path, "--yes", "--journal", "version.jsonl")
    assert done.code == 0, done
    assert f"  {changes} succeeded of {changes} operations" in done.lines
    assert {name: snapshot(workspace) for name, workspace in workspaces.items()} == expected
    assert here("plan", path).lines[-1].startswith("Plan: nothing to do; ")
    assert here("undo", "version.jsonl", "--yes").code == 0
    assert {name: snapshot(workspace) for name, workspace in workspaces.items()} == before


def test_the_job_of_several_steps_ends_as_its_comment_says(world: World, here: Here) -> None:
    """Killed in the middle, it resumes: all parts on production workspaces, no other change.

    Undo restores everything, and a second plan is empty.
    """
    workspaces = world.simulator.world.organizations["acme"].workspaces
    for number, workspace in enumerate(workspaces.values()):
        workspace.terraform_version = ("1.5.7", "1.9.8")[number % 2]

    def versions() -> dict[str, str]:
        return {name: workspace.terraform_version for name, workspace in workspaces.items()}

    attached, version = _state(world.simulator), versions()
    path = str(SEVERAL)
    planned = here("plan", path, "--detailed-exitcode")
    assert planned.code == 2
    assert "Note: legacy-scan will be lost on " in planned.out
    assert here("apply", path, "--yes", "--journal", "all.jsonl").code == 2
    applying = ("apply", path, "--confirm", "legacy-scan", "--journal", "all.jsonl")
    world.kill(signal.SIGKILL, write=20, stage="after", arguments=applying)
    done = here(*applying)
    assert done.code == 0, done

    production = {name for name in workspaces if name.startswith("prod-")}
    after = {
        (name, task): shown if name not in production else AFTER_SEVERAL.get(task, shown)
        for (name, task), shown in attached.items()
    }
    assert _state(world.simulator) == after
    assert versions() == {name: "1.9.8" if name in production else v for name, v in version.items()}
    again = here("plan", path, "--detailed-exitcode")
    assert again.code == 0
    assert here("undo", "all.jsonl", "--yes").code == 0
    assert (_state(world.simulator), versions()) == (attached, version)


def test_every_job_file_is_tried() -> None:
    """Each job file has a test of its comment."""
    in_virtual_time = {"office-hours"}
    own_tests = {"terraform-version", SEVERAL.stem, *in_virtual_time}
    assert {path.stem for path in FILES} == {*EXPECTED, *own_tests}
