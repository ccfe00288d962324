"""``bulkops demo`` with ``--fleet``, and with ``--journal URL``: resumed on another machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.support import World
from tests.conftest import Here
from tests.journal.remote.servers import BUCKET, moto

ADDRESS = f"s3://{BUCKET}/demo"


@pytest.mark.long
def test_it_resumes_on_another_machine_and_changes_nothing_twice(tmp_path: Path) -> None:
    """All that the second machine has is the bucket; the address is then used, and refused."""
    words = [sys.executable, "-m", "bulkops", "demo", "--journal", ADDRESS]
    with moto(tmp_path) as server:
        env = {**os.environ, **server.env}
        ran = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=240, env=env
        )
        again = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"(?m)^172 workspaces changed, 0 of them twice, 0 of them not ", ran.stdout)
    assert "its machine is gone. On another one" in ran.stdout
    assert "On the disks of both machines: security-scan.toml, and nothing else." in ran.stdout
    assert f"{ADDRESS} is held by" in ran.stderr
    assert "It is free now, after" in ran.stderr
    assert f"{ADDRESS}: exists and was left unchanged" in again.stderr
    assert again.returncode == 2


@pytest.mark.long
def test_a_fleet_is_killed_and_resumed_and_one_shard_fails(tmp_path: Path) -> None:
    """The canary comes first, and each workspace is changed once; the user's folder stays empty."""
    unlike = {
        "BULKOPS_JOURNALS": str(tmp_path / "journals"),
        "TFE_ORGANIZATION": "other",
        "JOB_COMPLETION_INDEX": "0",
    }
    ran = subprocess.run(
        [sys.executable, "-m", "bulkops", "demo", "--fleet"],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        cwd=tmp_path,
        env={**os.environ, **unlike},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    out = ran.stdout
    planned, killed, resumed, ended = re.split(
        r"Killed with SIGKILL after \d+ results|The server saw 22 changes in acme-canary, then 132 "
        r"in the others, 0 of them in acme-labs\.|The same command once more:",
        out,
    )
    assert "acme-labs: it does not exist, or this token can't" in planned.replace('"', "")
    assert planned.count("$ bulkops fleet apply fleet.toml --yes --json\n") == 1
    assert re.search(r"(?m)^    acme-canary .* done: 22 succeeded of 22 operations$", killed)
    assert len(re.findall(r"(?m)^    acme-(?:emea|retail) .* interrupted: ", killed)) == 2
    assert re.search(r"(?m)^    acme-labs .* failed$", resumed)
    total = "  Total: 154 succeeded of 154 operations; 4 shards: 3 done, 1 failed (acme-labs)\n"
    assert total in resumed
    assert "  Total: 190 succeeded of 190 operations\n" in ended
    assert "190 workspaces changed, 0 of them twice, 0 of them not selected." in ended
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_a_fleet_resumes_on_another_machine(tmp_path: Path) -> None:
    """All that it has is the bucket and the two files; the address is then used, and refused."""
    words = [sys.executable, "-m", "bulkops", "demo", "--fleet", "--journal", ADDRESS]
    with moto(tmp_path) as server:
        env = {**os.environ, **server.env}
        ran = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=240, env=env
        )
        again = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f'  journals = "{ADDRESS}"\n' in ran.stdout
    assert len(re.findall(r"(?m)^    acme-(?:emea|retail) .* running: ", ran.stdout)) == 2
    assert "190 workspaces changed, 0 of them twice, 0 of them not selected." in ran.stdout
    assert "On the disks of both machines: fleet.toml, security-scan.toml, and n" in ran.stdout
    assert f"{ADDRESS}: exists and was left unchanged" in again.stderr
    assert again.returncode == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("demo.jsonl", "demo.jsonl: is not an address such as s3://bucket/demo"),
        ("s3://bucket", "names no path in the bucket"),
        ("https://bucket/demo", "a journal is a file, or at one of"),
    ],
)
@pytest.mark.parametrize("fleet", [(), ("--fleet",)], ids=["a job", "a fleet"])
def test_what_is_no_address_is_refused(
    world: World, here: Here, fleet: tuple[str, ...], given: str, words: str
) -> None:
    """Exit 2, before anything is served."""
    done = here("demo", *fleet, "--journal", given)
    assert (done.code, words in done.err) == (2, True)
    assert world.requests == 0
