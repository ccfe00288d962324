"""``.github/workflows/release.yml``: valid, few permissions, publishes after the gate."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import yaml

import bulkops
from tests.pipelines.runner import Expressions
from tests.pipelines.running import PATH

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"
FILES = sorted(WORKFLOWS.glob("*.yml"))
TEXT = (WORKFLOWS / "release.yml").read_text(encoding="utf-8")
WORKFLOW: dict[Any, Any] = yaml.safe_load(TEXT)
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
VERSION = bulkops.__version__
WRITING = {"publish": {"contents"}, "provenance": {"id-token", "attestations"}}
WRITING["image"] = {"packages", "id-token", "attestations"}

CHANGELOG = f"""\
# Changelog

## [Unreleased]

- Not yet.

## [{VERSION}] - 2026-12-01

### Added

- This, with a [link].

## [0.0.1] - 2026-01-01

- The first.

[link]: https://example.com
[0.0.1]: https://example.com/0.0.1
"""

DOCKER = """\
#!/bin/sh
# Keeps what it is called with, and answers as Docker does.
printf "%s\\n" "$*" >> "$CALLS"
case "$1 $2" in
  "run --rm") echo "bulkops $BUILT" ;;
  "login ghcr.io") cat > "$CALLS.password" ;;
  "image inspect")
    echo "mirror.example.com/bulkops@sha256:ffff"
    echo "ghcr.io/acme/bulkops@sha256:0a1b"
    ;;
esac
"""


class Ran(NamedTuple):
    """How a step ended, what it printed, and its outputs."""

    code: int
    out: str
    outputs: dict[str, str]


def _step(job: str, name: str) -> dict[str, Any]:
    (found,) = [step for step in JOBS[job]["steps"] if step.get("name") == name]
    return dict(found)


def _run(folder: Path, job: str, name: str, **more: str) -> Ran:
    """Run the script of a step as GitHub does."""
    step = _step(job, name)
    assert WORKFLOW["defaults"]["run"]["shell"] == "bash"
    assert "${{" not in step["run"], "an expression in a script is run"
    expressions = Expressions(
        needs={"check": SimpleNamespace(outputs=SimpleNamespace(version=VERSION))},
        steps={
            "version": SimpleNamespace(outputs=SimpleNamespace(version=VERSION)),
            "image": SimpleNamespace(outputs=SimpleNamespace(name="ghcr.io/acme/bulkops")),
        },
        github={"token": "gh-token"},
    )
    outputs = folder / "outputs"
    outputs.write_text("")
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],  # noqa: S607 - as GitHub
        cwd=folder,
        env={
            "PATH": PATH,
            "GITHUB_OUTPUT": str(outputs),
            "GITHUB_REF_NAME": f"v{VERSION}",
            "GITHUB_REPOSITORY": "Acme/bulkops",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_SHA": "1" * 40,
            "GITHUB_ACTOR": "somebody",
            **{name: expressions.filled(value) for name, value in step.get("env", {}).items()},
            **more,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    lines = outputs.read_text(encoding="utf-8").splitlines()
    return Ran(done.returncode, done.stdout, dict(line.split("=", 1) for line in lines))


def _before(job: str) -> set[str]:
    """Return the jobs that must have succeeded before this one starts."""
    needs = JOBS[job].get("needs", [])
    direct = {needs} if isinstance(needs, str) else {*needs}
    return direct.union(*map(_before, direct))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that the first job reads."""
    (tmp_path / "bulkops").mkdir()
    shutil.copy(ROOT / "bulkops" / "__init__.py", tmp_path / "bulkops")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    return tmp_path


@pytest.mark.long
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_workflows_match_their_schema(file: Path) -> None:
    """Each is valid by the published JSON Schema of workflows."""
    pytest.importorskip("check_jsonschema", reason="needs the extra `long`")
    check = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
    ]
    subprocess.run([*check, str(file)], check=True, capture_output=True)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_action_is_pinned(file: Path) -> None:
    """Each is pinned to a commit with its version, the same in the whole repository."""
    text = file.read_text(encoding="utf-8")
    used = re.findall(r"uses: (?!\./)(.+)", text)
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one) for one in used)
    every = "".join(one.read_text(encoding="utf-8") for one in (*FILES, *ROOT.glob("jobs/*.yml")))
    for one in used:
        assert set(re.findall(rf"uses: ({one.partition('@')[0]}@.+)", every)) == {one}


def test_each_job_has_the_rights_it_needs() -> None:
    """Three jobs may write, each to one thing; the default is no permission."""
    assert WORKFLOW["permissions"] == {}
    writing = {
        name: {right for right, level in job["permissions"].items() if level == "write"}
        for name, job in JOBS.items()
    }
    assert {name: rights for name, rights in writing.items() if rights} == WRITING
    assert "secrets" not in TEXT


def test_nothing_is_published_before_the_gate() -> None:
    """Every job that may write waits for the gate, which is ``ci.yml`` and runs ``.ci/run``."""
    for job in WRITING:
        assert {"check", "gate"} <= _before(job)
    assert not [name for name, job in JOBS.items() if "if" in job or "continue-on-error" in job]
    assert _before("publish") == set(JOBS) - {"publish"}
    assert JOBS["gate"]["uses"] == "./.github/workflows/ci.yml"
    called: dict[Any, Any] = yaml.safe_load((WORKFLOWS / "ci.yml").read_text(encoding="utf-8"))
    assert "workflow_call" in called[True]
    assert called["jobs"]["gate"]["steps"][-1] == {"run": "bash .ci/run"}
    assert WORKFLOW[True] == {"push": {"tags": ["v*"]}}


def test_the_published_files_are_the_attested_ones() -> None:
    """The hashes of wheel and sdist, and the pushed digest, which keeps its provenance."""
    assert _step("provenance", "Attest")["with"] == {"subject-checksums": "dist/SHA256SUMS"}
    image = _step("image", "Attest")["with"]
    assert image["subject-digest"] == "${{ steps.push.outputs.digest }}"
    assert image["push-to-registry"] is True
    builders = [name for name, job in JOBS.items() if "python -m build" in str(job)]
    assert builders == ["build"]


def test_a_tag_equal_to_the_version_passes(checkout: Path) -> None:
    """The notes are the changelog's section, without heading and links."""
    done = _run(checkout, "check", "Compare the tag with the version")
    assert (done.code, done.outputs) == (0, {"version": VERSION})
    assert _run(checkout, "check", "Take the notes from the changelog").code == 0
    notes = (checkout / "notes.md").read_text(encoding="utf-8")
    assert notes.strip() == "### Added\n\n- This, with a [link]."


@pytest.mark.parametrize("tag", ["v9.9.9", f"{VERSION}", f"v{VERSION}.1", "v"])
def test_another_tag_is_refused(checkout: Path, tag: str) -> None:
    """The message has both names."""
    done = _run(checkout, "check", "Compare the tag with the version", GITHUB_REF_NAME=tag)
    assert (done.code, done.outputs) == (1, {})
    assert f"::error::The tag is {tag}, and the package's version is {VERSION}." in done.out


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"## [{VERSION}] - 2026-12-01", f"## [{VERSION}]"),
        (f"[{VERSION}]", "[9.9.9]"),
        ("### Added\n\n- This, with a [link].\n", ""),
    ],
    ids=["no date", "another version", "empty"],
)
def test_a_version_without_notes_is_refused(checkout: Path, old: str, new: str) -> None:
    """A version that is not in the changelog is not published."""
    assert old in CHANGELOG
    (checkout / "CHANGELOG.md").write_text(CHANGELOG.replace(old, new), encoding="utf-8")
    done = _run(checkout, "check", "Take the notes from the changelog")
    assert done.code == 1
    assert f'no section "## [{VERSION}] - DATE"' in done.out


@pytest.mark.long
def test_wheel_and_sdist_are_built_with_their_hashes(tmp_path: Path) -> None:
    """The job's command builds both; ``sha256sum`` accepts them, but not a changed one."""
    pytest.importorskip("build", reason="needs the extra `dev`")
    keep_out = shutil.ignore_patterns(".git", ".venv", "dist", ".*cache", ".hypothesis")
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT, folder, ignore=keep_out)
    assert _run(folder, "build", "Build").code == 0
    dist = folder / "dist"
    names = {f"bulkops-{VERSION}-py3-none-any.whl", f"bulkops-{VERSION}.tar.gz", "SHA256SUMS"}
    assert {path.name for path in dist.iterdir()} == names
    check = ["sha256sum", "--check", "SHA256SUMS"]
    assert subprocess.run(check, cwd=dist, check=False, capture_output=True).returncode == 0
    with (dist / f"bulkops-{VERSION}.tar.gz").open("ab") as file:
        file.write(b"x")
    assert subprocess.run(check, cwd=dist, check=False, capture_output=True).returncode == 1


@pytest.fixture
def docker(tmp_path: Path) -> dict[str, str]:
    """An environment whose ``docker`` is a script that records its calls."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(DOCKER)
    program.chmod(0o755)
    return {
        "PATH": f"{program.parent}:{PATH}",
        "CALLS": str(tmp_path / "calls"),
        "BUILT": VERSION,
    }


def test_the_image_is_built_tried_and_pushed(tmp_path: Path, docker: dict[str, str]) -> None:
    """It goes to the repository's registry in lower case; the digest is that of this name."""
    built = _run(tmp_path, "image", "Build the image", **docker)
    assert (built.code, built.outputs) == (0, {"name": "ghcr.io/acme/bulkops"})
    pushed = _run(tmp_path, "image", "Push the image", **docker)
    assert (pushed.code, pushed.outputs) == (0, {"digest": "sha256:0a1b"})
    calls = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert [call.split()[0] for call in calls] == ["build", "run", "login", "push", "image"]
    assert f"--tag ghcr.io/acme/bulkops:{VERSION} " in calls[0]
    assert calls[3] == f"push ghcr.io/acme/bulkops:{VERSION}"
    assert (tmp_path / "calls.password").read_text(encoding="utf-8") == "gh-token"
    assert "gh-token" not in "".join(calls)


def test_an_image_of_another_version_is_not_pushed(tmp_path: Path, docker: dict[str, str]) -> None:
    """The build step fails, and the next one never runs."""
    assert _run(tmp_path, "image", "Build the image", **{**docker, "BUILT": "9.9.9"}).code == 1


@pytest.mark.parametrize("changed", [False, True], ids=["whole", "changed"])
def test_the_files_are_published_if_their_hashes_match(tmp_path: Path, *, changed: bool) -> None:
    """They are published with the notes, under the pushed tag; a changed file stops it."""
    calls = tmp_path / "calls"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gh").write_text(f'#!/bin/sh\necho "$GH_TOKEN $*" > {calls}\n')
    (tmp_path / "bin" / "gh").chmod(0o755)
    dist = tmp_path / "dist"
    dist.mkdir()
    (dist / "bulkops.whl").write_bytes(b"wheel")
    sums = subprocess.run(
        ["sha256sum", "bulkops.whl"],  # noqa: S607 - as the workflow does
        cwd=dist,
        check=True,
        capture_output=True,
    )
    (dist / "SHA256SUMS").write_bytes(sums.stdout)
    if changed:
        (dist / "bulkops.whl").write_bytes(b"another")
    path = f"{tmp_path / 'bin'}:{PATH}"
    assert _run(tmp_path, "publish", "Publish the release", PATH=path).code == int(changed)
    assert calls.exists() != changed
    if not changed:
        assert calls.read_text(encoding="utf-8") == (
            f"gh-token release create v{VERSION} dist/SHA256SUMS dist/bulkops.whl"
            f" --repo Acme/bulkops --verify-tag --title bulkops {VERSION} --notes-file notes.md\n"
        )


@pytest.mark.parametrize("name", ["Dockerfile", "README.md", "kubernetes.yaml"])
def test_every_named_image_has_this_version(name: str) -> None:
    """A new version has to change all of them."""
    text = (ROOT / "jobs" / name).read_text(encoding="utf-8")
    assert set(re.findall(r"bulkops:([\d.]*\d)", text)) == {VERSION}


def test_the_policy_defines_vulnerabilities() -> None:
    """``SECURITY.md`` says how to report, which versions are fixed, and what counts."""
    text = (ROOT / ".github" / "SECURITY.md").read_text(encoding="utf-8")
    headings = re.findall(r"(?m)^##? (.+)$", text)
    assert headings == [
        "Security",
        "Report a vulnerability",
        "Versions that get fixes",
        "What is a vulnerability",
        "What is not",
    ]
