"""The rules for names, versions and agent pools, which several kinds of record share."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from typing import Final

from msgspec import UnsetType

from bulkops.simulator.messages.problems import unprocessable

_NAME: Final = "/data/attributes/name"
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,90}")
_PROJECT_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9 _-]{1,38}[A-Za-z0-9_-]")

_DURATION: Final = re.compile(r"[0-9]{1,4}[dh]")
_LAST_PATCHES: Final = {
    (0, minor): patch for minor, patch in enumerate((8, 11, 8, 15, 31, 7, 11, 5), start=8)
} | {(1, minor): patch for minor, patch in enumerate((11, 9, 9, 10, 7, 7, 6, 5, 5, 8, 5, 4, 2))}
"""Terraform's minor versions that are no longer maintained → the number of their last patch."""
_LAST_MINOR: Final = 19
_LAST_PATCH: Final = 20
"""In later minor versions, numbers up to these are accepted: they may have been released."""
_VERSION: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-(?:alpha|beta|rc)[0-9A-Za-z.-]*)?")
_CONSTRAINT: Final = re.compile(r"(?:=|!=|>|>=|<|<=|~>) *\d+(?:\.\d+){0,2}")


def check_name(name: str, taken: Iterable[str], what: str) -> None:
    """Raise a 422 unless ``name`` is well-formed and not taken, in upper or lower case."""
    if not _PLAIN_NAME.fullmatch(name):
        raise unprocessable(f"{what} name can only include letters, numbers, - and _", _NAME)
    _check_free(name, taken)


def check_project_name(name: str, taken: Iterable[str]) -> None:
    """Raise a 422 unless ``name`` is a project's name that is not taken."""
    if not _PROJECT_NAME.fullmatch(name):
        raise unprocessable(
            "Name may only contain letters, numbers, inner spaces, - and _, and must have from "
            "3 to 40 characters",
            _NAME,
        )
    _check_free(name, taken)


def _check_free(name: str, taken: Iterable[str]) -> None:
    folded = name.casefold()
    if any(one.casefold() == folded for one in taken):
        raise unprocessable("Name has already been taken", _NAME)


def check_pool(pools: Container[str], pool: str, pointer: str) -> None:
    """Raise a 422 unless this is one of the organization's agent pools."""
    if pool not in pools:
        raise unprocessable("The provided agent pool does not exist", pointer)


def check_version(version: str) -> None:
    """Raise a 422 unless this is a version of Terraform, ``latest``, or a constraint."""
    parts = [part.strip() for part in version.split(",")]
    if version == "latest" or all(_CONSTRAINT.fullmatch(part) for part in parts):
        return
    found = _VERSION.fullmatch(version)
    if found is None or not _may_exist(*map(int, found.groups())):
        raise unprocessable(
            f"Terraform version {version!r} does not exist", "/data/attributes/terraform-version"
        )


def check_duration(duration: str | UnsetType | None) -> None:
    """Raise a 422 unless a project or workspace may be destroyed after this time: ``14d``."""
    if duration and not _DURATION.fullmatch(duration):
        raise unprocessable(
            "Auto destroy activity duration has an incorrect format, we expect up to 4 numeric "
            "digits and 1 unit ('d' or 'h')",
            "/data/attributes/auto-destroy-activity-duration",
        )


def _may_exist(major: int, minor: int, patch: int) -> bool:
    last = _LAST_PATCHES.get((major, minor))
    if last is not None:
        return patch <= last
    return major == 1 and minor <= _LAST_MINOR and patch <= _LAST_PATCH
