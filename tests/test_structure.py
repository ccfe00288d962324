"""The rules of the code's structure, checked by reading the source."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import bulkops

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "bulkops"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted(Path(__file__).parent.rglob("test_*.py"))

LAYERS = (
    *("text", "errors", "clock", "checking", "log", "files"),
    *("api", "operations", "job", "client", "journal", "inventory", "plan", "runner"),
    *("report", "coverage", "events", "notify", "telemetry"),
    *("library", "fleet", "simulator", "cli"),
)
"""The contents of ``bulkops/``, from the bottom up: each imports only those before it."""
LAYERS_INSIDE = {
    "operations": ("aspects", "kinds"),
    "simulator": ("messages", "routes"),
    "cli": ("output", "run", "commands"),
}
"""The same for the packages inside a package."""
PURE = (
    "text.py",
    "errors.py",
    "checking.py",
    "api/",
    "operations/",
    "job/conditions.py",
    "job/duration.py",
    "job/gate.py",
    "job/job.py",
    "job/journal.py",
    "job/listing/",
    "job/notify.py",
    "job/pace.py",
    "job/patterns.py",
    "job/rollout.py",
    "job/schema.py",
    "job/select.py",
    "job/toml.py",
    "job/windows/window.py",
    "client/access/cli_config.py",
    "client/attempt.py",
    "client/access/credentials.py",
    "client/access/hcl.py",
    "client/outage.py",
    "client/pace/hidden_limit.py",
    "client/pace/other_clients.py",
    "client/retry_budget.py",
    "client/rows.py",
    "journal/following/outlook.py",
    "journal/identity.py",
    "journal/lines.py",
    "journal/progress.py",
    "journal/records.py",
    "journal/remote/bucket/address.py",
    "journal/remote/bucket/answers.py",
    "journal/remote/lease/candidate.py",
    "journal/remote/bucket/clouds.py",
    "journal/remote/bucket/environment.py",
    "journal/remote/lease/holding.py",
    "journal/remote/lease/content.py",
    "journal/remote/bucket/store.py",
    "journal/replay.py",
    "journal/states.py",
    "inventory/filters.py",
    "inventory/matcher.py",
    "inventory/membership.py",
    "inventory/model.py",
    "inventory/named.py",
    "inventory/selection.py",
    "inventory/selection_notes.py",
    "plan/consistent.py",
    "plan/decidable.py",
    "plan/model.py",
    "plan/notes.py",
    "plan/reconcile.py",
    "plan/tolerance.py",
    "plan/undo.py",
    "plan/verify.py",
    "runner/activity.py",
    "runner/answers.py",
    "runner/starts/dependencies.py",
    "runner/readback.py",
    "runner/wave_steps.py",
    "report/",
    "coverage/documents.py",
    "coverage/matrix.py",
    "events/",
    "notify/attempt.py",
    "notify/environment.py",
    "notify/message.py",
    "fleet/access.py",
    "fleet/fleet.py",
    "fleet/index.py",
    "fleet/outlook.py",
    "fleet/processes/record.py",
    "fleet/processes/stop.py",
    "fleet/report/csv_table.py",
    "fleet/report/html/",
    "fleet/report/json_document.py",
    "fleet/report/junit.py",
    "fleet/report/markdown.py",
    "fleet/report/model.py",
    "fleet/report/next_steps.py",
    "fleet/report/text.py",
    "fleet/report/words.py",
    "fleet/rollout.py",
    "fleet/schema.py",
    "fleet/standing.py",
    "fleet/tables.py",
    "fleet/waves.py",
    "telemetry/conventions.py",
    "telemetry/wanted.py",
    "cli/output/progress/",
    "cli/run/followed.py",
    "simulator/access.py",
    "simulator/arguments.py",
    "simulator/core.py",
    "simulator/effects.py",
    "simulator/faults.py",
    "simulator/history.py",
    "simulator/ids.py",
    "simulator/limits.py",
    "simulator/messages/",
    "simulator/profiles.py",
    "simulator/routes/",
    "simulator/setup.py",
    "simulator/state.py",
    "simulator/world.py",
)
"""Packages without any I/O, and modules without I/O in the other packages."""

IMPURE_PACKAGES = frozenset(
    [
        "aiohttp",
        "anyio",
        "aiolimiter",
        "asyncio",
        "fcntl",
        "http",
        "os",
        "random",
        "socket",
        "ssl",
        "structlog",
        "subprocess",
        "threading",
        "time",
        "click",
        "urllib.request",
        "yarl",
    ]
)
AIOHTTP = {"client/transport.py", "simulator/app.py"}


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def _is_pure(path: Path) -> bool:
    return _name(path).startswith(PURE)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Return what is directly inside a node, without expressions: they take most of the time."""
    inside = ast.iter_child_nodes(node)
    return (one for one in inside if isinstance(one, ast.stmt | ast.excepthandler | ast.match_case))


@cache
def _imports(path: Path, *, typing_only: bool = False) -> frozenset[str]:
    """Return the modules, and names in them, that a file imports anywhere.

    Args:
        typing_only: whether to include imports that only types need.
    """
    found: set[str] = set()
    waiting: list[ast.AST] = [_tree(path)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse + (node.body if typing_only else [])
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        waiting += _statements(node)
    return frozenset(found)


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """Return all statements in a node, at any depth."""
    for statement in _statements(node):
        yield statement
        yield from _inside(statement)


def _root(module: str) -> str:
    return module.partition(".")[0]


def _file_of(module: str) -> Path | None:
    place = ROOT.joinpath(*module.split("."))
    candidates = (place.with_suffix(".py"), place / "__init__.py")
    return next((c for c in candidates if _root(module) == "bulkops" and c.exists()), None)


def test_no_module_is_longer_than_300_lines() -> None:
    """A module has at most 300 lines."""
    lengths = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > 300} == {}


def test_only_two_modules_know_aiohttp() -> None:
    """Only the client's transport and the simulator's server import aiohttp."""
    knowing = {_name(path) for path in MODULES if "aiohttp" in {*map(_root, _imports(path))}}
    assert knowing == AIOHTTP


def test_only_telemetry_knows_opentelemetry() -> None:
    """Only two modules, which nothing else imports at its top, import the extra."""
    knowing = {_name(path) for path in MODULES if "opentelemetry" in {*map(_root, _imports(path))}}
    assert knowing == {"telemetry/collector.py", "telemetry/sending.py"}


def test_modules_import_at_their_top() -> None:
    """Fewer than thirty imports are inside functions; ruff requires a reason for each."""
    inside = [
        f"{_name(path)}:{node.lineno}"
        for path in MODULES
        for function in _inside(_tree(path))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in _inside(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert len(set(inside)) < 30, inside


def test_nothing_imports_upwards() -> None:
    """A package imports only those below it in ``LAYERS``, also for types."""
    assert {place.stem for place in PACKAGE.iterdir() if _is_code(place)} == {
        *LAYERS,
        *("__init__", "__main__"),
    }
    upwards = [
        f"{_name(path)} imports {name}"
        for path in MODULES
        for name in _imports(path, typing_only=True)
        if _is_upwards(path.relative_to(ROOT).with_suffix("").parts, tuple(name.split(".")))
    ]
    assert upwards == []


def test_contributing_draws_the_packages_as_they_are() -> None:
    """CONTRIBUTING lists every package, in order, with its imports."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawing = text.partition("<!-- packages -->")[2].partition("<!-- /packages -->")[0]
    drawn = re.findall(r"^(\w+) +[A-Z].*(?:\n +→ (.+))?$", drawing, re.MULTILINE)
    rooms = LAYERS[LAYERS.index("api") :]
    arrows = {room: [other for other in rooms if other in _imported_by(room)] for room in rooms}
    every = {"cli": "everything above"}
    assert drawn == [(room, every.get(room, ", ".join(arrows[room]))) for room in rooms]
    assert arrows["cli"] == [*rooms[:-1]]


def _imported_by(room: str) -> set[str]:
    """Return the parts of ``bulkops/`` that a package imports, except itself."""
    mine = [path for path in MODULES if path.relative_to(PACKAGE).with_suffix("").parts[0] == room]
    names = {name for path in mine for name in _imports(path, typing_only=True)}
    return {name.split(".")[1] for name in names if name.startswith("bulkops.")} - {room}


def _is_code(place: Path) -> bool:
    return place.suffix == ".py" or (place / "__init__.py").exists()


def _is_upwards(importer: tuple[str, ...], imported: tuple[str, ...]) -> bool:
    if imported[0] != "bulkops" or len(imported) < 2 or importer[1] not in LAYERS:
        return False
    own, other = importer[1], imported[1]
    if own != other:
        return other in LAYERS and LAYERS.index(other) > LAYERS.index(own)
    inside = LAYERS_INSIDE.get(own, ())
    if not inside or len(imported) < 3 or not {importer[2], imported[2]} <= {*inside}:
        return False
    return inside.index(imported[2]) > inside.index(importer[2])


def test_packages_are_neither_large_nor_nested() -> None:
    """The root has at most ten files, and a package at most fourteen modules."""
    assert len([place for place in PACKAGE.iterdir() if place.is_file()]) <= 10
    counts = Counter(path.parent for path in MODULES if path.name != "__init__.py")
    crowded = {_name(folder): number for folder, number in counts.items() if number > 14}
    assert crowded == {}


def test_pure_modules_import_nothing_impure() -> None:
    """A pure module imports no clock, randomness, file, network or async, even indirectly."""
    pure = {path for path in MODULES if _is_pure(path)}
    assert {entry for entry in PURE if not any(_name(p).startswith(entry) for p in pure)} == set()
    waiting, observed = list(pure), set(pure)
    while waiting:
        module = waiting.pop()
        for name in _imports(module):
            impure = {name, _root(name)} & IMPURE_PACKAGES
            assert not impure, f"{_name(module)}, which a pure module needs, imports {name}"
            file = _file_of(name)
            if file is not None and file not in observed:
                observed.add(file)
                waiting.append(file)


def test_pure_modules_are_not_asynchronous() -> None:
    """A pure module defines no coroutine."""
    for path in filter(_is_pure, MODULES):
        statements = _inside(_tree(path))
        assert not any(isinstance(node, ast.AsyncFunctionDef) for node in statements), path


def test_the_public_names_are_there_and_sorted() -> None:
    """Every name in ``bulkops.__all__`` exists, and the list is sorted."""
    assert bulkops.__all__ == sorted(bulkops.__all__)
    for name in bulkops.__all__:
        assert getattr(bulkops, name).__doc__, name


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    """An unknown name raises AttributeError, as in any module."""
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = bulkops.nonsense


def test_every_test_states_a_fact() -> None:
    """Every test has a docstring that states a fact."""
    silent = [
        f"{path.name}: {node.name}"
        for path in TESTS
        for node in _inside(_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_no_module_has_a_meaningless_name() -> None:
    """No module has a name such as ``utils``."""
    nothing = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
    assert not [m for m in MODULES if m.stem in nothing]


def test_the_data_flow_is_the_same_in_all_documents() -> None:
    """The README and the package docstring have the same line."""
    flow = (
        "job → selection → inventory → plan → journal → runner ⇄ client → journal → verify → report"
    )
    assert flow in (bulkops.__doc__ or "")
    assert flow in (ROOT / "README.md").read_text(encoding="utf-8")
