"""The contents of wheel and sdist, and that the sdist builds the wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import bulkops

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
NAME = f"bulkops-{bulkops.__version__}"
WHEEL = f"{NAME}-py3-none-any.whl"
BUILD = (sys.executable, "-m", "hatchling", "build")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist of this checkout, and the sdist unpacked."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([*BUILD, "-d", str(folder)], cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(folder / f"{NAME}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def tracked() -> set[str]:
    """The files of this checkout that git tracks or would track."""
    git = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no checkout")
    return {name for name in done.stdout.split("\0") if name and (ROOT / name).exists()}


def _below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def test_the_sdist_has_the_tracked_files(built: Path, tracked: set[str]) -> None:
    """It has all of them, tests and gate included, and nothing else: no journal, no cache."""
    assert _below(built / NAME) - {"PKG-INFO"} == tracked


def test_the_wheel_has_the_package(built: Path, tracked: set[str]) -> None:
    """It has modules, templates and type marker, but no test and no job file."""
    with zipfile.ZipFile(built / WHEEL) as archive:
        names = set(archive.namelist())
    metadata = {name for name in names if name.startswith(f"{NAME}.dist-info/")}
    assert names - metadata == {name for name in tracked if name.startswith("bulkops/")}
    assert f"{NAME}.dist-info/licenses/LICENSE" in metadata
    assert "bulkops/py.typed" in names


def test_the_sdist_builds_the_same_wheel(built: Path, tmp_path: Path) -> None:
    """The two wheels are equal, byte by byte."""
    subprocess.run(
        [*BUILD, "-t", "wheel", "-d", str(tmp_path)],
        cwd=built / NAME,
        check=True,
        capture_output=True,
    )
    assert (tmp_path / WHEEL).read_bytes() == (built / WHEEL).read_bytes()


def test_the_tests_run_from_the_sdist(built: Path) -> None:
    """The tests of layout and documents run, which read every folder."""
    quick = ("tests/test_structure.py", "tests/documents/test_jobs_documented.py", "tests/release")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *quick],
        cwd=built / NAME,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
