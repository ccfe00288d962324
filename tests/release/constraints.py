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
from itertools import chain
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "constraints.txt"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = ("notify", "otel", "remote")
"""The extras that the image has: nobody installs one in a running container."""
DIRECT = [
    Requirement(text)
    for text in (
        *PYPROJECT["project"]["dependencies"],
        *chain(*(PYPROJECT["project"]["optional-dependencies"][extra] for extra in EXTRAS)),
    )
]
"""What bulkops itself requires, with these extras."""

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


def applies(requirement: Requirement, pythons: Iterable[str] = PYTHONS, extra: str = "") -> bool:
    """Return whether a requirement applies to one of these Pythons on Linux, with an extra."""
    marker = requirement.marker
    system = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
    return marker is None or any(
        marker.evaluate(
            {**system, "extra": extra, "python_version": one, "python_full_version": f"{one}.0"}
        )
        for one in pythons
    )


def closure(requires: Mapping[str, Iterable[str]], pythons: Iterable[str] = PYTHONS) -> set[str]:
    """Return the canonical names of all packages that bulkops needs to run on these Pythons.

    Args:
        requires: the requirements in the metadata of each package, by its canonical name. A
            missing package is not followed.
    """
    found, waiting = set[tuple[str, str]](), list(DIRECT)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras}:
            if (name, extra) not in found:
                found.add((name, extra))
                its = map(Requirement, requires.get(name, ()))
                waiting += [one for one in its if applies(one, pythons, extra)]
    return {name for name, _ in found}


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
    words = ["--quiet", "--report", "-", f"{ROOT}[{','.join(EXTRAS)}]", *more]
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
