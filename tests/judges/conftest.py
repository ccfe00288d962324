"""What the judges need: the simulator's answers judged, and packages from PyPI, by name."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.simulator.conftest import judge, needed_documents, openapi_documents

__all__ = ["judge", "needed_documents", "openapi_documents"]

Get = Callable[..., Path]
_SECONDS = 240


def _pip(*arguments: str) -> None:
    """Run pip, or skip the test: without a package index there is no judge."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"pip {' '.join(arguments)}: no answer within {_SECONDS} s")
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        pytest.skip(f"pip {' '.join(arguments)}: {''.join(last)}")


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Get:
    """``sdist("pytfe", "1.5.0")`` returns the folder of its source distribution."""

    @cache
    def get(name: str, version: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        _pip("download", "--no-deps", "--no-binary=:all:", f"--dest={folder}", f"{name}=={version}")
        (archive,) = folder.glob("*.tar.gz")
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")
        return folder / f"{name}-{version}"

    return get


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Get:
    """``installed("terrasnek==0.1.14", …)`` returns a folder for ``PYTHONPATH`` that has them."""

    @cache
    def get(*requirements: str) -> Path:
        folder = tmp_path_factory.mktemp("installed")
        _pip("install", "--quiet", f"--target={folder}", *requirements)
        return folder

    return get
