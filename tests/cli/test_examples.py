"""A real shell runs every example of every ``--help``, in a folder with the named files."""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import anyio
import pytest

from bulkops import Client, Report, apply_plan, load_job, plan_job
from bulkops.api.messages import Request
from tests.cli.command_tree import EXAMPLES
from tests.cli.forked import SECONDS, program
from tests.cli.support import (
    HMAC_KEY,
    TOKEN,
    StagedSimulator,
    World,
    no_secret_below,
    serving,
)

ROOT = Path(__file__).resolve().parents[2]

SIMULATE = ("simulate",)
"""Its examples are started and ended, the others run to their end."""

NOT_RUN = {
    "bulkops journal copy canary.jsonl s3://my-bucket/bulkops/canary": (
        "tests/cli/commands/test_copy.py copies to a bucket"
    ),
    "bulkops demo --journal s3://my-bucket/bulkops/demo": (
        "a long test of tests/cli/commands/test_demo.py looks at what it prints"
    ),
    "bulkops demo --fleet": (
        "a long test of tests/cli/commands/test_demo.py looks at what it prints"
    ),
    "bulkops demo": "a long test of tests/documents/test_readme.py looks at what it prints",
}
ENDS_WITH = {
    "--detailed-exitcode": (2, "there is something to do"),
    "coverage jobs/canary.toml": (3, "the job's run task is missing somewhere"),
}
"""Part of a command line → the exit code that it ends with instead of 0, and why."""

OUTPUT = re.compile(r"(?:--out|--output|--journal|>) (\S+)")
"""A file that the command itself creates."""

FLEETS = {"fleet.toml": "canary.toml", "detach-everywhere.toml": "detach-retired.toml"}
"""Fleet files of the examples → the job file that each names."""

PAUSED = """[rollout]
waves = ["1", "100%"]
pause = "manual"
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[World]:
    """The organization of the examples, served, and a folder with the ready job files."""
    simulator = StagedSimulator(rate=0)
    simulator.add_organization("acme")
    simulator.add_workspace("prod-app")
    for number in range(1, 4):
        simulator.add_workspace(f"canary-{number}", tags=["canary"])
    for task in ("security-scan", "pci-check", "lint", "legacy-lint", "old-scan"):
        simulator.add_task(task)
    simulator.attach("canary-3", "security-scan", enforcement_level="advisory")
    simulator.attach("prod-app", "legacy-lint")
    with serving(simulator) as address:
        world = World(simulator, address, tmp_path)
        shutil.copytree(ROOT / "jobs", tmp_path / "jobs")
        with (tmp_path / "jobs" / "canary.toml").open("a", encoding="utf-8") as file:
            # A retry reads again only after that.
            file.write('[pace]\nsettle = "10ms"\n')
        program(tmp_path / "bin")
        world.environment |= {
            "TFE_ORGANIZATION": "acme",
            "KEY": HMAC_KEY,
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        }
        for name, job in FLEETS.items():
            fleet = f'job = "jobs/{job}"\n[[shard]]\norganization = "acme"\n'
            (tmp_path / name).write_text(fleet, encoding="utf-8")
        yield world
    no_secret_below(tmp_path)


def prepare(world: World, example: str) -> str:
    """Create the files of an example; return the example with this world's ids."""
    simulator = world.simulator
    if "task create lint" in example:
        simulator.remove_task("lint")
    elif "workspace-task" in example and " attach " not in example:
        simulator.attach("prod-app", "lint")
    if "rollout" in example:
        paused = (world.folder / "jobs" / "canary.toml").read_text(encoding="utf-8")
        paused = paused.replace("[rollout]", PAUSED).replace('"canary"', '"rollout"', 1)
        (world.folder / "rollout.toml").write_text(paused, encoding="utf-8")
        journal = "rollout.jsonl" if "rollout.jsonl" in example else ".bulkops/rollout/1.jsonl"
        assert apply(world, "rollout.toml", journal).ended == "paused"
    named = re.findall(r"\S*canary\S*\.jsonl|\S+Z\.jsonl", OUTPUT.sub("", example))
    for name in [".bulkops/canary/1.jsonl"] if "journal list" in example else named:
        if "--retry-failed" in example:
            assert apply_in_vain(world, "jobs/canary.toml", name).exit_code
        else:
            assert apply(world, "jobs/canary.toml", name).exit_code == 0
    if "retired.jsonl" in example:
        apply(world, "jobs/detach-retired.toml", "retired.jsonl")
    if "fleet.toml" in example:
        prepare_fleet(world, example)
    if "apply canary.plan" in example:
        assert world.run("plan", "jobs/canary.toml", "--out", "canary.plan").code == 0
    if "journal repair" in example:
        damaged = bytearray((world.folder / "canary.jsonl").read_bytes())
        damaged[len(damaged) // 2] ^= 1
        (world.folder / "canary.jsonl").write_bytes(damaged)
    return _with_ids(world, example)


def prepare_fleet(world: World, example: str) -> None:
    """Create the fleet file of an example, and what its command needs."""
    if "fleet watch" not in example:
        fleet = 'job = "jobs/canary.toml"\norganizations = ["acme"]\n'
        (world.folder / "fleet.toml").write_text(fleet, encoding="utf-8")
    if any(f"fleet {name}" in example for name in ("watch", "verify", "undo")):
        assert world.run("fleet", "apply", "fleet.toml", "--yes").code == 0


def apply(world: World, job_file: str, journal: str) -> Report:
    """Carry a job out with the library: a command would take ten times as long."""

    async def applied() -> Report:
        async with Client(world.address, TOKEN) as client:
            plan = await plan_job(client, load_job(world.folder / job_file))
            return await apply_plan(client, plan, path)

    path = world.folder / journal
    path.parent.mkdir(parents=True, exist_ok=True)
    return anyio.run(applied)


def apply_in_vain(world: World, job_file: str, journal: str) -> Report:
    """Run a job while another client attaches its run task differently, and then detaches it."""

    def interfere(request: Request) -> None:
        if request.writes:
            world.simulator.before = None
            for name in ("canary-1", "canary-2"):
                world.simulator.attach(name, "security-scan", stages=("pre_plan",))

    patient = (world.folder / job_file).read_text(encoding="utf-8")
    patient = re.sub("max_failures = .*", 'max_failures = "100%"', patient)
    (world.folder / "patient.toml").write_text(patient, encoding="utf-8")
    world.simulator.before = interfere
    report = apply(world, "patient.toml", journal)
    for name in ("canary-1", "canary-2"):
        world.simulator.detach(name, "security-scan")
    return report


def _with_ids(world: World, example: str) -> str:
    acme = world.simulator.world.organizations["acme"]
    here = {"task": acme.tasks["old-scan"].id, "ws": acme.workspaces["prod-app"].id}
    if attached := world.simulator.attachments("prod-app", "lint") if "lint" in acme.tasks else ():
        here["wstask"] = attached[0].id
    return re.sub(r"\b(wstask|task|ws)-\w{16}\b", lambda found: here[found[1]], example)


def in_shell(world: World, line: str, *, terminal: bool) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of a line in bash; a question gets a yes."""
    ours, theirs = pty.openpty()
    errors = list[bytes]()

    def listen() -> None:
        # Reading a terminal whose other end is closed, or has ended, is an error.
        try:
            while part := os.read(ours, 4096):
                errors.append(part)
        except OSError:
            return

    with subprocess.Popen(
        ["bash", "-o", "pipefail", "-c", line],  # noqa: S607 - the reader's own shell
        cwd=world.folder,
        env=world.environment,
        stdin=theirs if terminal else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    ) as process:
        os.close(theirs)
        listener = Thread(target=listen)
        listener.start()
        os.write(ours, b"yes\n")
        out, _ = process.communicate(timeout=SECONDS)
    listener.join()
    os.close(ours)
    return process.returncode, out, b"".join(errors).decode()


@pytest.mark.parametrize("example", [line for path, line in EXAMPLES if path != SIMULATE])
def test_an_example_works(place: World, example: str) -> None:
    """Each example exits with 0, or as listed above, and prints something or writes its file."""
    if example in NOT_RUN:
        pytest.skip(NOT_RUN[example])
    if "| jq" in example and shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    line = prepare(place, example)
    unasked = "--yes" in line or "--confirm" in line
    code, out, err = in_shell(place, line, terminal=not unasked)
    desired = next((code for part, (code, _) in ENDS_WITH.items() if part in example), 0)
    assert code == desired, out + err
    made = OUTPUT.search(line)
    assert (place.folder / made[1]).stat().st_size if made else out, "nothing to show for it"


@pytest.mark.parametrize("example", [line for path, line in EXAMPLES if path == SIMULATE])
def test_a_simulator_starts_as_the_examples_say(place: World, example: str) -> None:
    """The simulator prints its address when it is ready, and SIGTERM ends it: exit 0."""
    # On a free port: the default one may be taken by a concurrent test.
    process = place.start(*shlex.split(example)[1:], "--port", "0")
    assert process.stdout is not None
    ready = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=SECONDS)
    assert re.match(r"simulator ready at http://127\.0\.0\.1:\d+ ", ready)
    assert process.returncode == 0
