"""``constraints.txt`` has what bulkops needs to run, and nothing else.

``tests/pipelines/test_dockerfile.py`` compares it with what the image's commands install.
"""

from __future__ import annotations

from importlib.metadata import Distribution, distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.release.constraints import DIRECT, EXTRAS, FILE, PYTHONS, applies, closure, kept, text_of

KEPT = kept()


def test_it_has_names_and_versions_only() -> None:
    """One sorted line per package, ``name==version``: no hash, no address, no option.

    If this fails, ``python -m tests.release.constraints`` writes the file.
    """
    assert FILE.read_text(encoding="utf-8") == text_of(KEPT)
    assert all(name == canonicalize_name(name) for name in KEPT)
    for name, version in KEPT.items():
        assert str(Requirement(f"{name}=={version}")) == f"{name}=={version}"


@pytest.mark.parametrize("requirement", DIRECT, ids=lambda one: one.name)
def test_it_keeps_the_bounds_of_the_project(requirement: Requirement) -> None:
    """The version of each dependency is one that ``pyproject.toml`` allows."""
    assert requirement.specifier.contains(KEPT[canonicalize_name(requirement.name)])


def test_it_has_every_required_package() -> None:
    """It has every package that one of its packages requires.

    The metadata is that of the installed packages, if they have the same version.
    """
    installed: dict[str, Distribution] = {
        canonicalize_name(one.name): one for one in distributions()
    }
    requires = {
        name: installed[name].requires or ()
        for name, version in KEPT.items()
        if name in installed and installed[name].version == version
    }
    needed = closure(requires)
    assert needed <= set(KEPT)
    if needed <= set(requires):
        assert needed == set(KEPT)


def test_it_has_the_packages_of_older_pythons() -> None:
    """A requirement counts if it applies to one of the supported versions of Python."""
    assert PYTHONS[0] == "3.11"
    older = Requirement('typing-extensions>=4; python_version < "3.13"')
    assert applies(older)
    assert not applies(older, ["3.13"])
    assert not applies(Requirement('async-timeout; python_version < "3.11"'))
    assert not applies(Requirement('colorama; sys_platform == "win32"'))
    assert not applies(Requirement('uvloop; extra == "fast"'))


def test_indirect_requirements_are_found() -> None:
    """A dependency's requirements are followed, even in circles."""
    requires = {"aiohttp": ["yarl>=1"], "yarl": ["Aiohttp", "zope.event; python_version < '4'"]}
    assert {"yarl", "zope-event"} <= closure(requires)


def test_the_extras_of_a_requirement_are_followed() -> None:
    """An extra that a package requires of another counts, and only there."""
    requires = {
        "aiohttp": ["yarl[fast]"],
        "yarl": ["cython; extra == 'fast'", "mypy; extra == 'x'"],
    }
    assert {"yarl", "cython"} <= closure(requires)
    assert "mypy" not in closure(requires)


def test_every_bound_has_a_reason() -> None:
    """Each line has a comment, and an upper bound unless the comment begins with ``no bound``."""
    text = (FILE.parent / "pyproject.toml").read_text(encoding="utf-8")
    lists = [
        text.partition(f"\n{name} = [\n")[2].partition("\n]")[0]
        for name in ("dependencies", *EXTRAS)
    ]
    lines = "\n".join(lists).splitlines()
    assert len(lines) == len(DIRECT)
    for line in lines:
        requirement, _, reason = line.partition(" # ")
        assert reason
        assert ("<" in requirement) != reason.startswith("no bound")
