"""``jobs/Dockerfile``: its copies and commands, carried out without an engine."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.utils import canonicalize_name

import bulkops
from tests.cli.support import TOKEN, World, ended
from tests.release.constraints import closure, kept

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]


class Instruction(NamedTuple):
    """One instruction and its text, continued lines joined."""

    name: str
    text: str


def _instructions() -> Iterator[Instruction]:
    text = (ROOT / "jobs" / "Dockerfile").read_text(encoding="utf-8")
    for line in re.sub(r"(?m)^#.*\n", "", text).replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            yield Instruction(name, rest.strip())


INSTRUCTIONS = list(_instructions())
SECOND = INSTRUCTIONS.index(Instruction("FROM", "python:3.13-slim"))
BUILD, IMAGE = INSTRUCTIONS[1:SECOND], INSTRUCTIONS[SECOND + 1 :]


def _only(name: str) -> str:
    (text,) = [one.text for one in IMAGE if one.name == name]
    return text


def _built(folder: Path) -> Path:
    """Carry the first stage out below a folder; return what the second stage copies of it."""
    (folder / "opt").mkdir()
    here = folder

    def inside(text: str) -> str:
        # Folders of the image are folders below this one.
        return re.sub(r"(?<![\w.])/(?=source|wheels|opt)", f"{folder}/", text)

    for name, text in BUILD:
        if name == "WORKDIR":
            here = Path(inside(text))
            here.mkdir()
        elif name == "COPY":
            *sources, target = text.split()
            for source in sources:
                _copy(ROOT / source, here / target)
        else:
            assert name == "RUN"
            subprocess.run(["sh", "-ec", inside(text)], cwd=here, check=True)  # noqa: S607 - as Docker
    source, target = _only("COPY").removeprefix("--from=build ").split()
    assert source == target, "a virtual environment can't be moved"
    return Path(inside(source))


def _copy(source: Path, place: Path) -> None:
    # As Docker does: a file into the folder, a folder's contents as the folder.
    if source.is_dir():
        shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, place)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image's own commands install, a virtual environment."""
    return _built(tmp_path_factory.mktemp("image"))


def test_the_context_has_only_what_is_copied() -> None:
    """``.dockerignore`` excludes everything but the sources of COPY."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    copied = [word for one in BUILD if one.name == "COPY" for word in one.text.split()[:-1]]
    assert rules == ["*", *(f"!{name}" for name in copied), "**/__pycache__"]
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_runs_bulkops_without_root() -> None:
    """A numeric user owns the working folder, and bulkops itself is the first process."""
    user, _, group = _only("USER").partition(":")
    assert int(user) >= 10000
    assert f"--owner={user} --group={group} {_only('WORKDIR')}" in _only("RUN")
    assert json.loads(_only("ENTRYPOINT")) == ["bulkops"]
    assert [one.name for one in IMAGE[-2:]] == ["ENTRYPOINT", "CMD"]


def test_every_pip_leaves_no_cache() -> None:
    """Each pip command of the build has the option."""
    run = [one.text for one in BUILD if one.name == "RUN"]
    commands = [command for text in run for command in text.split("&&") if " pip " in command]
    assert len(commands) == 2
    assert all("--no-cache-dir" in command for command in commands)


def test_it_installs_the_constraints_and_nothing_else(environment: Path) -> None:
    """Each package in ``constraints.txt`` that this Python needs, in that version.

    What bulkops and its dependencies require, by their own metadata, is all of the file. If this
    fails, ``python -m tests.release.constraints`` writes the file.
    """
    (packages,) = environment.glob("lib/python3*/site-packages")
    installed: dict[str, Distribution] = {
        canonicalize_name(one.name): one for one in distributions(path=[str(packages)])
    }
    requires = {name: one.requires or () for name, one in installed.items()}
    assert closure(requires) == {*kept()}
    needed = closure(requires, [".".join(map(str, sys.version_info[:2]))])
    versions = {name: one.version for name, one in installed.items()}
    assert versions.pop("bulkops") == bulkops.__version__
    versions.pop("pip", None)
    versions.pop("setuptools", None)
    assert versions == {name: kept()[name] for name in needed}


def test_an_image_for_a_gate_can_extend_this_one() -> None:
    """The lines in the file's head begin with this image and end with its user."""
    text = (ROOT / "jobs" / "Dockerfile").read_text(encoding="utf-8")
    own = re.findall(r"(?m)^#   ([A-Z]+) (.+)$", text)
    assert [name for name, _ in own] == ["FROM", "USER", "RUN", "USER"]
    assert own[0][1] == f"bulkops:{bulkops.__version__}"
    assert own[-1][1] == _only("USER")
    subprocess.run(["sh", "-n", "-c", own[2][1]], check=True)  # noqa: S607 - as Docker


def test_the_image_has_a_working_bulkops(world: World, environment: Path) -> None:
    """Its own commands make an environment whose entry point plans and applies a job."""
    path = _only("ENV").removeprefix("PATH=").replace("/opt/bulkops", str(environment))
    words = json.loads(_only("ENTRYPOINT"))

    def run(*arguments: str) -> tuple[int, str]:
        process = subprocess.Popen(
            ["env", *words, *arguments],  # noqa: S607 - env looks the entry point up, as Docker does
            cwd=world.folder,
            env={
                "PATH": path.replace("$PATH", os.environ["PATH"]),
                "TFE_TOKEN": TOKEN,
                "TFE_ADDRESS": world.address,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        done = ended(process)
        return done.code, done.out

    assert run("--version") == (0, f"bulkops {bulkops.__version__}\n")
    assert run(*json.loads(_only("CMD")))[0] == 0
    assert run("apply", "job.toml", "--journal", "scan.jsonl", "--yes")[0] == 0
    assert world.all_desired()
    assert shlex.split(_only("WORKDIR")) == ["/rollout"]


@pytest.mark.parametrize("word", ["latest", "curl", "sudo", "ADD"])
def test_every_image_and_download_is_pinned(word: str) -> None:
    """No image or download can change from one build to the next."""
    assert not [one for one in INSTRUCTIONS if word in f"{one.name} {one.text}".split()]
