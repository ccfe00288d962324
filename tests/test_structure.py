"""The rules of the layout, held by reading the source."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import bulkops

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "bulkops"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted(Path(__file__).parent.rglob("test_*.py"))

PURE = (
    "runner/activity.py",
    "job/duration.py",
    "events/",
    "job/job.py",
    "operations/compare.py",
    "job/pace.py",
    "job/rollout.py",
    "job/schema.py",
    "checking.py",
    "job/conditions.py",
    "job/manifest.py",
    "job/patterns.py",
    "job/select.py",
    "inventory/selection.py",
    "plan/model.py",
    "runner/dependencies.py",
    "api/verdict.py",
    "plan/reconcile.py",
    "plan/undo.py",
    "text.py",
    "cli/output/progress.py",
    "report/columns.py",
    "coverage/matrix.py",
    "plan/verify.py",
    "operations/",
    "report/",
    "journal/identity.py",
    "journal/lines.py",
    "journal/records.py",
    "journal/replay.py",
    "client/retry_budget.py",
    "api/jsonapi.py",
    "api/organizations.py",
    "client/other_clients.py",
    "client/rows.py",
    "api/resources.py",
    "api/workspace_details.py",
    "api/endpoints.py",
    "api/server.py",
    "client/credentials.py",
    "simulator/call.py",
    "simulator/core.py",
    "simulator/documents.py",
    "simulator/effects.py",
    "simulator/faults.py",
    "simulator/history.py",
    "simulator/ids.py",
    "simulator/limits.py",
    "simulator/organizations.py",
    "simulator/paging.py",
    "simulator/problems.py",
    "simulator/profiles.py",
    "simulator/routes.py",
    "simulator/run_tasks.py",
    "simulator/setup.py",
    "simulator/state.py",
    "simulator/tags.py",
    "simulator/workspace_tasks.py",
    "simulator/workspaces.py",
    "simulator/world.py",
)
IMPURE_PACKAGES = frozenset(
    [
        "aiohttp",
        "anyio",
        "aiolimiter",
        "asyncio",
        "filelock",
        "http",
        "os",
        "random",
        "socket",
        "ssl",
        "structlog",
        "subprocess",
        "threading",
        "time",
        "typer",
        "urllib.request",
        "yarl",
    ]
)
AIOHTTP = {"client/transport.py", "simulator/app.py"}


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def _is_pure(path: Path) -> bool:
    return _name(path).startswith(PURE)


def _imports(path: Path) -> set[str]:
    """Return the modules a file imports when it is loaded; TYPE_CHECKING blocks don't count."""
    found: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def _files_of(module: str) -> Path | None:
    place = ROOT.joinpath(*module.split("."))
    for candidate in (place.with_suffix(".py"), place / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_no_module_is_longer_than_300_lines(path: Path) -> None:
    """A module is at most 300 lines long."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_only_two_modules_know_aiohttp(path: Path) -> None:
    """Only the client's transport and the simulator's shell import aiohttp."""
    roots = {name.split(".")[0] for name in _imports(path)}
    assert "aiohttp" not in roots or _name(path) in AIOHTTP


@pytest.mark.parametrize("path", [m for m in MODULES if _is_pure(m)], ids=_name)
def test_pure_modules_import_nothing_impure(path: Path) -> None:
    """A pure module imports no clock, randomness, file, network or async, not even indirectly."""
    waiting, seen = [path], {path}
    while waiting:
        module = waiting.pop()
        for name in _imports(module):
            assert name not in IMPURE_PACKAGES, f"{_name(module)} imports {name}"
            assert name.split(".")[0] not in IMPURE_PACKAGES, f"{_name(module)} imports {name}"
            file = _files_of(name) if name.startswith("bulkops.") else None
            if file is not None and file not in seen:
                seen.add(file)
                waiting.append(file)


@pytest.mark.parametrize("path", [m for m in MODULES if _is_pure(m)], ids=_name)
def test_pure_modules_are_not_asynchronous(path: Path) -> None:
    """A pure module defines no coroutine."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not any(isinstance(node, ast.AsyncFunctionDef) for node in ast.walk(tree))


def test_the_public_names_are_there_and_sorted() -> None:
    """Every name of ``bulkops.__all__`` can be had, and the list is sorted."""
    assert bulkops.__all__ == sorted(bulkops.__all__)
    for name in bulkops.__all__:
        assert getattr(bulkops, name).__doc__, name


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    """A name that is not public is refused as Python does it."""
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = bulkops.nonsense


@pytest.mark.parametrize("path", TESTS, ids=lambda p: p.name)
def test_every_test_states_a_fact(path: Path) -> None:
    """Every test has a docstring: the fact it shows."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and re.match(
            "test_", node.name
        ):
            assert ast.get_docstring(node), f"{path.name}: {node.name}"


def test_no_module_is_named_for_nothing() -> None:
    """No module hides behind a name that says nothing."""
    nothing = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
    assert not [m for m in MODULES if m.stem in nothing]


def test_the_flow_is_said_the_same_everywhere() -> None:
    """README and package docstring draw the same line."""
    flow = (
        "job → selection → inventory → plan → journal → runner ⇄ client → journal → verify → report"
    )
    assert flow in (bulkops.__doc__ or "")
    assert flow in (ROOT / "README.md").read_text(encoding="utf-8")
