"""A kind of another package: installed, planned, applied, undone; or broken."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bulkops.operations import KINDS
from tests.cli.support import TASK, World
from tests.conftest import Here

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    """Return the fenced block that follows ``<!-- name -->`` in CONTRIBUTING.md."""
    return GUIDE.split(f"<!-- {name} -->\n", 1)[1].split("\n", 1)[1].split("```", 1)[0]


def wheel(folder: Path, modules: Mapping[str, str], project: str) -> Path:
    """Return a wheel of modules, built by the backend that the pyproject names."""
    table = tomllib.loads(project)["project"]
    name, version = table["name"].replace("-", "_"), table["version"]
    info = f"{name}-{version}.dist-info"
    points = [
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())
        for group, entries in table["entry-points"].items()
    ]
    files = {
        **modules,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {table['name']}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "\n".join(points),
    }
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return path


def installed(folder: Path, modules: Mapping[str, str], project: str) -> str:
    """Install a package into a folder of its own with pip; return what PYTHONPATH needs."""
    target = folder / "installed"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    path = wheel(folder, modules, project)
    subprocess.run([*pip, "--no-index", "--no-deps", "--target", target, path], check=True)
    return str(target)


Found = Callable[..., None]
"""Unpacks a package of modules and kinds, and puts it on this process's path."""


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Found:
    """Install into this process as pip does, in less time."""

    def unpack(name: str, modules: Mapping[str, str], **kinds: str) -> None:
        entries = "".join(f'{kind} = "{value}"\n' for kind, value in kinds.items())
        project = (
            f'[project]\nname = "{name}"\nversion = "1.0"\n'
            f'[project.entry-points."bulkops.operations"]\n{entries}'
        )
        folder = tmp_path / name
        folder.mkdir()
        with zipfile.ZipFile(wheel(folder, modules, project)) as archive:
            archive.extractall(folder)
        monkeypatch.syspath_prepend(str(folder))
        for module in modules:
            monkeypatch.delitem(sys.modules, module.removesuffix(".py"), raising=False)

    return unpack


def asking(world: World, kind: str = "advise") -> None:
    """Let the job file name a kind that needs only a task."""
    world.job(('kind = "attach"', f'kind = "{kind}"'), ('enforcement_level = "mandatory"\n', ""))


@pytest.mark.long
def test_a_kind_of_an_installed_package_is_like_any_other(world: World, tmp_path: Path) -> None:
    """CONTRIBUTING's example, installed by pip, is planned, applied, verified, reported, undone."""
    path = installed(tmp_path, {"acme_advise.py": block("kind")}, block("package"))
    asking(world)
    world.simulator.attach("prod-001", TASK, enforcement_level="mandatory")
    world.simulator.attach("prod-002", TASK, stages=("pre_plan",))
    before = world.shown()

    here = {"PYTHONPATH": path}
    plan = world.run("plan", "job.toml", **here)
    assert plan.code == 0
    assert plan.lines[0].startswith(f"advise {TASK} (task-")
    assert "    1 skipped: mandatory already" in plan.lines
    assert plan.lines[-1] == "Plan: 10 to advise, 1 to update; 1 skipped."
    assert any(line.startswith("  + advise  advisory at post_plan  ") for line in plan.lines)
    decoded = [json.loads(line) for line in world.run("plan", "job.toml", "--json", **here).lines]
    assert (decoded[1]["action"], decoded[-1]["actions"]) == ("advise", {"advise": 10, "update": 1})
    assert "advise" not in decoded[-1]

    assert world.apply(PYTHONPATH=path).code == 0
    advised = {name: [("advisory", ("post_plan",))] for name in before}
    assert world.shown() == {**advised, "prod-001": before["prod-001"]}
    assert world.run("verify", "scan.jsonl", PYTHONPATH=path).code == 0
    # A report needs no kind: the journal has it all.
    assert "advise security-scan in acme" in world.run("report", "scan.jsonl").lines[0]
    decoded = json.loads("".join(world.run("report", "scan.jsonl", "--format", "json").lines))
    assert Counter(row["action"] for row in decoded["rows"]) == {"advise": 10, "update": 1}
    assert set(world.run("plan", "job.toml", PYTHONPATH=path).lines) >= {
        "    11 skipped: already advised",
    }

    undone = world.run("undo", "scan.jsonl", "--yes", PYTHONPATH=path)
    assert undone.code == 0
    assert "Plan: 0 to advise, 1 to update, 10 to detach; 0 skipped." in undone.err
    assert world.shown() == before


@pytest.mark.long
def test_without_the_package_its_journal_is_refused(world: World, tmp_path: Path) -> None:
    """Job and journal are refused, and the message names every known kind."""
    path = installed(tmp_path, {"acme_advise.py": block("kind")}, block("package"))
    asking(world)
    kinds = ", ".join(f'"{kind}"' for kind in KINDS)
    assert world.apply(PYTHONPATH=path).code == 0
    for arguments in (("plan", "job.toml"), ("undo", "scan.jsonl", "--yes")):
        refused = world.run(*arguments)
        assert refused.code == 2
        assert f'operation.kind = "advise": not one of {kinds}\n' in refused.err
    asking(world, "advice")
    refused = world.run("plan", "job.toml", PYTHONPATH=path)
    assert f'operation.kind = "advice": not one of {kinds}, "advise"\n' in refused.err


MODULE = """
from bulkops import operations

class Spec(operations.TaskSpec, frozen=True):
    schema_rule = operations.any_of("level", "words")
    level: str | None = None
    words: str | None = None
class Kind(operations.Kind):
    name = "broken"
    spec_type = Spec
    def decide(self, target, observations): return []
class Half(operations.Kind): name = "broken"
class OddVerb(Kind): changes = "Weaken it:"
class NoSpec(Kind): spec_type = str
class OddSpec(operations.TaskSpec, frozen=True): field: frozenset[str] = frozenset()
class Odd(Kind): spec_type = OddSpec
class KindSpec(operations.TaskSpec, frozen=True): kind: str = ""
class OwnKind(Kind): spec_type = KindSpec
class Other(Kind): name = "other"
class Nothing: name = "broken"
nothing = 5
"""

BROKEN = {
    "no_such_module:Kind": "can't be loaded: ModuleNotFoundError: No module named 'no_such_module'",
    "odd:Missing": "can't be loaded: AttributeError: ",
    "not a reference": "can't be loaded: AttributeError: ",
    "raises:Kind": "can't be loaded: RuntimeError: not today",
    "odd:nothing": "is not a class",
    "odd:Nothing": "is not a kind: derive it from bulkops.operations.Kind",
    "odd:Half": "is not a complete kind: it lacks spec_type, decide",
    "odd:OddVerb": 'has a verb that is not a lower-case word: "Weaken it:"',
    "odd:Other": "calls itself 'other'",
    "odd:NoSpec": "has a spec_type that is not a Spec",
    "odd:Odd": "has a spec whose field `field` can't be described: give ",
    "odd:OwnKind": "has a spec with a field `kind`, a name that job files reserve",
}


@pytest.mark.parametrize(("value", "problem"), BROKEN.items(), ids=BROKEN)
def test_a_broken_kind_is_reported_with_its_package(
    world: World, here: Here, found: Found, value: str, problem: str
) -> None:
    """A job of that kind gets one line and exit 2; other jobs are not affected."""
    modules = {"odd.py": MODULE, "raises.py": "raise RuntimeError('not today')"}
    found("odd", modules, broken=value)
    asking(world, "broken")
    refused = here("plan", "job.toml")
    assert refused.code == 2
    message = f'job.toml: operation.kind = "broken": odd 1.0 adds it as {value}, which {problem}'
    assert message in refused.err
    assert refused.err.count("\n") == 1
    world.job()
    assert here("plan", "job.toml").code == 0


def test_the_schema_has_the_installed_kinds(here: Here, found: Found) -> None:
    """It has their fields and schema rules; a broken kind is left out without an error."""
    found("odd", {"odd.py": MODULE}, broken="odd:Kind", wrong="odd:Nothing")
    schema = json.loads(here("schema").out)
    rule = schema["$defs"]["Spec"]["else"]
    assert rule["anyOf"] == [{"required": ["level"]}, {"required": ["words"]}]
    kinds = [schema["$defs"][one["$ref"].rpartition("/")[2]] for one in _choices(schema)]
    names = [one["properties"]["kind"]["const"] for one in kinds]
    assert names == [*KINDS, "broken"]


def _choices(schema: dict[str, Any]) -> list[dict[str, str]]:
    """Return the alternatives for one ``[operation]`` table."""
    choices: list[dict[str, str]]
    *choices, _several = schema["properties"]["operation"]["oneOf"]
    return choices


def test_two_packages_with_the_same_kind_are_refused(
    world: World, here: Here, found: Found
) -> None:
    """Which one the job means is ambiguous."""
    modules = {"odd.py": MODULE}
    for package in ("one", "two"):
        found(package, modules, broken="odd:Kind")
    asking(world, "broken")
    refused = here("plan", "job.toml")
    assert refused.code == 2
    assert '"broken": added by one 1.0 and two 1.0: uninstall all but one\n' in refused.err


def test_built_in_kinds_can_not_be_replaced(world: World, here: Here, found: Found) -> None:
    """A package's own ``attach`` is not even loaded, and the kind is listed once."""
    found("odd", {}, attach="no_such_module:Kind")
    assert here("plan", "job.toml").code == 0
    asking(world, "no")
    assert here("plan", "job.toml").err.count('"attach"') == 1


def test_unreadable_entry_points_are_reported(world: World, here: Here, found: Found) -> None:
    """Another package's broken metadata is one line, and built-in kinds still work."""
    found("odd", {}, broken="odd:Kind")
    (points,) = (world.folder / "odd").glob("*.dist-info/entry_points.txt")
    points.write_text("[bulkops.operations]\nno equals sign\n", encoding="utf-8")
    assert here("plan", "job.toml").code == 0
    asking(world, "broken")
    refused = here("plan", "job.toml")
    assert refused.code == 2
    assert "can't read the installed entry points: " in refused.err


def test_nothing_installed_is_looked_for_without_need() -> None:
    """A job of a built-in kind reads no metadata; ``--version`` doesn't even import its reader."""
    job = """name="a"\norganization="b"\noperation={kind="detach",task="c"}\nselect={all=true}"""
    program = (
        "import sys, bulkops.job.job\n"
        f"bulkops.job.job.parse_job({job!r})\n"
        "sys.exit('importlib.metadata' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    timed = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "bulkops", "--version"],
        check=True,
        capture_output=True,
        text=True,
    )
    imported = set(re.findall(r"\| +(\S+)$", timed.stderr, re.MULTILINE))
    assert "bulkops.cli.app" in imported
    assert not imported & {"importlib.metadata", "bulkops.operations.installed", "bulkops.job.job"}
