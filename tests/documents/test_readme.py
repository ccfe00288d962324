"""The README works: its demo, its tour, its job and its library example are run."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bulkops import parse_job
from bulkops.cli.app import app
from tests.cli.forked import Forked, Order, program
from tests.journal.remote.servers import BUCKET
from tests.journal.remote.tiny_s3 import tiny_s3

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUARANTEES = (ROOT / "jobs" / "guarantees.md").read_text(encoding="utf-8")
FLEET = (ROOT / "jobs" / "fleet.toml").read_text(encoding="utf-8")
FAULTS = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
EXECUTED = {
    **dict.fromkeys(("tour", "programs", "bucket", "fleet"), README),
    "saved": GUARANTEES,
}
"""Blocks of commands → the page that shows them; each is run in a folder of its own."""
LEFT_OUT = "  …"
"""Stands in the README for lines that the demo prints and the README leaves out."""


def _block(name: str, page: str = README) -> str:
    """Return the fenced or indented block that follows ``<!-- name -->``."""
    after = page.split(f"<!-- {name} -->\n", 1)[1]
    if after.startswith("```"):
        return after.split("\n", 1)[1].split("```", 1)[0]
    lines = after.splitlines()
    end = next(i for i, line in enumerate(lines) if not line.startswith("    "))
    return "\n".join(line[4:] for line in lines[:end])


def _shape(text: str) -> list[str]:
    """Return the lines with everything that differs between runs replaced."""
    text = re.sub(r"http://127\.0\.0\.1:\d+", "ADDRESS", text)
    text = re.sub(r"task-\w{16}", "TASK", text)
    # The progress of a killed apply, and its last step, differ between runs.
    text = re.sub(r"(\d+ [a-z ]+(, )?)+ of \d+ operations", "COUNTS", text)
    text = re.sub(r"(?m)^  (\d+ [a-z ]+(, )?)+$", "  COUNTS", text)
    text = re.sub(r"(  COUNTS\n)+", "  COUNTS\n", text)
    text = re.sub(r"\d+ lost answers?", "N lost answers", text)
    return re.sub(r"\d+(\.\d+)?", "N", text).strip().splitlines()


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[str]:
    """The address of the README's simulator, on a free port."""
    command = re.search(r"^    bulkops (simulate .*)$", README, re.MULTILINE)
    assert command is not None
    # Without the limit: this tests the commands, not the duration of a rollout.
    arguments = command[1].replace("--port 8080", "--port 0 --rate 0").replace("'", "").split()
    # The first of them is the tour's; those of the ready fleet are beside it.
    names = ("acme", *re.findall('organization = "(acme-.*)"', FLEET))
    arguments += [word for name in names for word in ("--organization", name)]
    process = Forked(Order(tuple(arguments), str(tmp_path), {}))
    assert process.stdout is not None
    ready = re.search(r"http://\S+", process.stdout.readline())
    assert ready is not None
    yield ready[0]
    process.send_signal(signal.SIGTERM)
    assert process.communicate() == ("", "")


@pytest.mark.long
def test_the_demo_prints_what_the_readme_shows() -> None:
    """``bulkops demo`` prints each run of lines in the README, in order."""
    words = [sys.executable, "-m", "bulkops", "demo"]
    ran = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
    printed = "\n".join(_shape(ran.stdout))
    for part in _block("demo").split(f"{LEFT_OUT}\n"):
        shown = "\n".join(_shape(part))
        assert shown in printed
        printed = printed.split(shown, 1)[1]


@pytest.mark.long
@pytest.mark.parametrize(
    ("line", "then"),
    [("pipx install .", "$PIPX_BIN_DIR/bulkops --help"), ("uvx --from . bulkops --help", "")],
    ids=["pipx", "uvx"],
)
def test_it_can_be_installed_as_the_readme_says(line: str, then: str, tmp_path: Path) -> None:
    """``pipx`` and ``uvx`` install it from a checkout, and the command runs."""
    assert f"    {line}\n" in README
    tools = Path(sys.executable).parent
    homes = {"PIPX_HOME": "pipx", "PIPX_BIN_DIR": "bin", "UV_CACHE_DIR": "cache"}
    ran = subprocess.run(
        ["bash", "-euc", f"{line}\n{then}"],  # noqa: S607 - the reader's own shell
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={
            **os.environ,
            **{name: str(tmp_path / folder) for name, folder in homes.items()},
            "UV_SYSTEM_CERTS": "1",
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        },
        check=False,
    )
    if "Failed to fetch" in ran.stderr:
        pytest.skip("uv reaches no package index from here")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Usage: bulkops" in ran.stdout


def _jobs(folder: Path, address: str) -> None:
    """Put the ready files into a folder, the fleet for this server; lost answers settle soon."""
    shutil.copytree(ROOT / "jobs", folder / "jobs")
    fleet = FLEET.replace("https://tfe.example.com", address)
    (folder / "jobs" / "fleet.toml").write_text(fleet, encoding="utf-8")
    with (folder / "jobs" / "require-security-scan.toml").open("a", encoding="utf-8") as job:
        job.write('\n[pace]\nsettle = "50ms"\n')


@pytest.mark.parametrize("name", EXECUTED)
def test_the_commands_work(simulator: str, tmp_path: Path, name: str) -> None:
    """All commands of the README succeed, one after the other."""
    _jobs(tmp_path, simulator)
    environment = _block("tour").splitlines()[0]
    script = f"{environment}\n{_block(name, EXECUTED[name])}"
    script = script.replace("http://127.0.0.1:8080", simulator).replace("my-bucket", BUCKET)
    program(tmp_path / "bin")
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    tokens = dict.fromkeys(re.findall('token_env = "(.*)"', FLEET), "any")
    with tiny_s3() as (server, bucket):
        ran = subprocess.run(
            ["bash", "-euc", script],  # noqa: S607 - the reader's own shell
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **server.env, **tokens, "PATH": path, "TFE_ORGANIZATION": ""},
            check=False,
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    made = set(re.findall(r"(?:--journal|--output|--out|--log-file|--metrics-file) (\S+)", script))
    stored = {f"s3://{BUCKET}/{key.rpartition('/')[0]}" for key in bucket.objects}
    assert all(one in stored or (tmp_path / one).stat().st_size for one in made)


def test_every_command_is_executed() -> None:
    """Every line of code that begins with ``bulkops`` is run here."""
    shown = set(re.findall(r"(?m)^    (bulkops .*)$", README + GUARANTEES))
    run = {line for name in EXECUTED for line in _block(name, EXECUTED[name]).splitlines()}
    assert {line.split()[1] for line in shown - run} == {"simulate"}


def test_the_library_example_works(simulator: str, tmp_path: Path) -> None:
    """The README's Python example runs unchanged."""
    _jobs(tmp_path, simulator)
    code = _block("library").replace("http://127.0.0.1:8080", simulator)
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "succeeded" in ran.stdout


def test_the_job_file_is_valid() -> None:
    """The README's job file is a valid job."""
    assert parse_job(_block("job")).name == "require-security-scan"


def test_every_command_is_named() -> None:
    """Every command that ``bulkops --help`` lists is in the README."""
    for name in app.commands:
        assert f"`{name}" in README or f"{name} " in README


def test_every_promise_names_a_test_that_exists() -> None:
    """The table of faults in ``tests/README.md`` names existing tests."""
    named = set(re.findall(r"`(test_\w+)`", FAULTS))
    written = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"(?m)^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"))
    }
    assert named
    assert named <= written, named - written


def test_it_is_short_and_begins_with_its_two_commands() -> None:
    """At most 200 lines; the first two blocks are one line each: the demo, then the tests."""
    lines = README.splitlines()
    assert len(lines) <= 200
    first, second = [line for line in lines if line.startswith("    ")][:2]
    assert first.endswith("bulkops demo")
    assert second.endswith("pytest -n auto -q")


def test_every_link_leads_somewhere() -> None:
    """Each linked file exists, and so does each linked heading."""
    headings = re.findall(r"(?m)^## (.*)$", README)
    known = {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
    for target in re.findall(r"\]\(([^)]+)\)", README):
        file, _, heading = target.partition("#")
        assert (ROOT / file).exists() if file else heading in known, target
