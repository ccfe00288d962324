"""``constraints.txt``: the exact versions that the image installs.

``python -m tests.release.constraints`` asks pip for the newest versions that ``pyproject.toml``
allows, and writes them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "constraints.txt"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRA = "remote"
"""The extra that the image has: a container's disk often ends with it, a journal must not."""
DIRECT = [
    Requirement(text)
    for text in (
        *PYPROJECT["project"]["dependencies"],
        *PYPROJECT["project"]["optional-dependencies"][EXTRA],
    )
]
"""What bulkops itself requires, with the extra."""

LABEL = "Programming Language :: Python :: 3."
PYTHONS = [
    label.removeprefix("Programming Language :: Python :: ")
    for label in PYPROJECT["project"]["classifiers"]
    if label.startswith(LABEL)
]
"""The supported versions, such as ``3.11``."""

HEADER = """\
# The versions that jobs/Dockerfile installs, for Linux and every supported version of Python.
# Written by: python -m tests.release.constraints
"""


def applies(requirement: Requirement, pythons: Iterable[str] = PYTHONS) -> bool:
    """Return whether a requirement without an extra applies to a Python on Linux."""
    marker = requirement.marker
    system = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "extra": ""}
    return marker is None or any(
        marker.evaluate({**system, "python_version": one, "python_full_version": f"{one}.0"})
        for one in pythons
    )


def closure(requires: Mapping[str, Iterable[str]]) -> set[str]:
    """Return the canonical names of all packages that bulkops needs to run.

    Args:
        requires: the requirements in the metadata of each package, by its canonical name. A
            missing package is not followed.
    """
    found, waiting = set[str](), list(DIRECT)
    while waiting:
        requirement = waiting.pop()
        # A dependency's extra would have to be followed, too.
        assert not requirement.extras, requirement
        name = canonicalize_name(requirement.name)
        if name not in found and applies(requirement):
            found.add(name)
            waiting += [Requirement(text) for text in requires.get(name, ())]
    return found


def kept() -> dict[str, str]:
    """Return the file's packages and their versions."""
    lines = FILE.read_text(encoding="utf-8").removeprefix(HEADER).splitlines()
    return dict(line.split("==") for line in lines)


def text_of(versions: Mapping[str, str]) -> str:
    """Return the file's text for packages and their versions."""
    return HEADER + "".join(f"{name}=={versions[name]}\n" for name in sorted(versions))


def _asked(more: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the metadata of all packages that pip would install for bulkops and these."""
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
    words = ["--quiet", "--report", "-", f"{ROOT}[{EXTRA}]", *more]
    done = subprocess.run([*pip, *words], stdout=subprocess.PIPE, check=True)
    metadata = [one["metadata"] for one in json.loads(done.stdout)["install"]]
    return {canonicalize_name(one["name"]): one for one in metadata}


def _newest() -> dict[str, str]:
    """Return the versions that pip chooses, including packages that only another Python needs."""
    missing = set[str]()
    while True:
        chosen = _asked(sorted(missing))
        requires = {name: one.get("requires_dist", ()) for name, one in chosen.items()}
        needed = closure(requires)
        missing |= needed - set(chosen)
        if needed <= set(chosen):
            return {name: chosen[name]["version"] for name in needed}


if __name__ == "__main__":
    FILE.write_text(text_of(_newest()), encoding="utf-8")
