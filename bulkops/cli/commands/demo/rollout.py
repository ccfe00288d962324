"""The demo of a job: killed half-way, it resumes.

Only the server is simulated: the commands are child processes, talk to the simulator over sockets,
meet its faults, and one of them is killed with SIGKILL. With an address, the journal is in the
user's own bucket, and what resumes is on another machine: it has another folder and HOME.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bulkops.cli.commands.demo.stage import (
    JOB,
    JOB_FILE,
    MACHINES,
    OTHER_CLIENT,
    RATE,
    Machine,
    half_done_rollout,
    nothing_else_left,
    print_effects,
    print_paragraph,
    serving,
)
from bulkops.simulator.core import Simulator

WORKSPACES = 300
KILLED_AT = 80
"""Results after which the first apply is killed."""
JOURNAL = "rollout.jsonl"


def one_job(journal: str | None, log_file: Path | None) -> bool:
    """Run the demo; return whether everything ended as expected.

    Args:
        journal: the address of its journal; ``None`` for a file.
    """
    simulator = Simulator(rate=RATE, other_client=OTHER_CLIENT)
    selected = half_done_rollout(simulator, "acme", WORKSPACES, seed=0)
    with serving(simulator) as address, TemporaryDirectory(prefix="bulkops-demo-") as folder:
        print_paragraph(
            f"An organization of {WORKSPACES} workspaces. The goal: security-scan, mandatory, on "
            f"{len(selected)} of them;\nsome have it already, some as advisory. The server allows "
            f"{RATE} requests per second, and another\nclient uses {OTHER_CLIENT} of them. Some "
            "answers get lost, before or after the change, and some are 503."
        )
        environment = {"TFE_ADDRESS": address, "TFE_TOKEN": "demo"}

        def machine(name: str) -> Machine:
            return Machine(Path(folder, name), {JOB_FILE: JOB}, environment, log_file)

        if journal:
            ok = _two_machines(*map(machine, MACHINES), journal=journal)
        else:
            ok = _session(machine(""))
        return print_effects(simulator, selected) and ok


def _session(machine: Machine) -> bool:
    """Run the commands that a user would; return whether each ended as expected."""
    apply = ("apply", JOB_FILE, "--journal", JOURNAL, "--yes", "--json")
    ended = [machine.run("plan", JOB_FILE) == 0]
    done = machine.watch(apply, _outcome, kill_after=KILLED_AT)
    print_paragraph(f"Killed with SIGKILL after {done} results. What the journal knows:")
    ended.append(machine.run("status", JOURNAL) == 0)
    print_paragraph("The same command again:")
    ended.append(machine.watch(apply, _outcome) >= 0)
    ended.append(machine.run("verify", JOURNAL) == 0)
    ended.append(machine.run("report", JOURNAL) == 0)
    return all(ended)


def _two_machines(first: Machine, second: Machine, *, journal: str) -> bool:
    """Do the same, but resume on a second machine."""
    apply = ("apply", JOB_FILE, "--journal", journal, "--wait", "--yes", "--json")
    ended = [first.run("plan", JOB_FILE) == 0]
    done = first.watch(apply, _outcome, kill_after=KILLED_AT)
    print_paragraph(
        f"Killed with SIGKILL after {done} results, and its machine is gone. On another one, with "
        "another\nfolder and HOME, what the journal knows. It still counts as running:"
    )
    ended.append(second.run("status", journal) == 0)
    print_paragraph(
        "The same command again. It takes over once it has seen the lease unchanged for 5 s:"
    )
    ended.append(second.watch(apply, _outcome) >= 0)
    ended.append(second.run("verify", journal) == 0)
    ended.append(second.run("report", journal) == 0)
    return nothing_else_left((first, second), {JOB_FILE}) and all(ended)


def _outcome(result: dict[str, Any]) -> str:
    return str(result["outcome"])
