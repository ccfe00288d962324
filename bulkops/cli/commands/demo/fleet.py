"""The demo of a fleet: four organizations, a canary first; killed, it resumes every shard.

Each organization has a token, and so a limit, of its own. That of ``acme-labs`` lacks a right at
first: its shard fails before anything is changed there. With an address, the journals are in the
user's own bucket, and what resumes is on another machine.
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
    check_unused,
    half_done_rollout,
    in_use,
    nothing_else_left,
    print_effects,
    print_paragraph,
    serving,
)
from bulkops.cli.output.printing import print_text
from bulkops.errors import ExitCode
from bulkops.journal.place import journals_at
from bulkops.simulator.core import Simulator
from bulkops.simulator.state import User

ORGANIZATIONS = {"acme-canary": 40, "acme-emea": 120, "acme-labs": 60, "acme-retail": 120}
"""Organization → number of its workspaces."""
CANARY, LABS = "acme-canary", "acme-labs"
KILLED_AT = 100
"""Results after which the first apply is killed: the canary is done, the others are not."""

FLEET_FILE = "fleet.toml"
SHARD = """\
[[shard]]
organization = "{}"
token_env = "{}"
"""
FLEET = f"""\
job = "{JOB_FILE}"
{{journals}}
{{shards}}
[rollout]
waves = ["{CANARY}", "100%"]
"""
FLEET_JOB = JOB.replace('organization = "acme"\n', "")
"""The organizations are the fleet file's."""
APPLY = ("fleet", "apply", FLEET_FILE, "--yes", "--json")


def check_unused_by_fleets(base: str) -> None:
    """Refuse what has journals of this fleet already, or is no address.

    Raises:
        JobError: it is one of these.
    """
    check_unused(base)
    if journals_at(f"{base}/{Path(FLEET_FILE).stem}").names():
        raise in_use(base)


def whole_fleet(base: str | None, log_file: Path | None) -> bool:
    """Run the demo; return whether everything ended as expected.

    Args:
        base: the address below which its journals are; ``None`` for a folder.
    """
    tokens = {name: _user(name, can_list=name != LABS) for name in ORGANIZATIONS}
    simulator = Simulator(rate=RATE, other_client=OTHER_CLIENT, tokens=tokens)
    selected = {
        workspace
        for seed, (name, workspaces) in enumerate(ORGANIZATIONS.items())
        for workspace in half_done_rollout(simulator, name, workspaces, seed=seed)
    }
    variables = {name: _variable(name) for name in ORGANIZATIONS}
    shards = "\n".join(SHARD.format(name, variables[name]) for name in ORGANIZATIONS)
    journals = f'journals = "{base}"\n' if base else ""
    files = {JOB_FILE: FLEET_JOB, FLEET_FILE: FLEET.format(shards=shards, journals=journals)}
    with serving(simulator) as address, TemporaryDirectory(prefix="bulkops-demo-") as folder:
        print_paragraph(
            f"{len(ORGANIZATIONS)} organizations with {sum(ORGANIZATIONS.values())} workspaces. "
            f"The goal: security-scan, mandatory, on {len(selected)} of them.\nEach organization "
            f"has a token of its own, and so a limit of its own: {RATE} requests per second, of\n"
            f"which another client uses {OTHER_CLIENT}. Some answers get lost. {FLEET_FILE}:"
        )
        print_text("", *(f"  {line}".rstrip() for line in files[FLEET_FILE].splitlines()))
        # The tokens are the organizations' names.
        environment = {"TFE_ADDRESS": address, **{variables[name]: name for name in variables}}
        first, *others = (
            Machine(Path(folder, name), files, environment, log_file)
            for name in (MACHINES if base else ("",))
        )
        second = others[0] if others else first
        ok = _killed_and_resumed(first, second, simulator)
        tokens[LABS] = _user(LABS, can_list=True)
        ok = _with_the_right(second) and ok
        if base:
            ok = nothing_else_left((first, second), {*files}) and ok
        return print_effects(simulator, selected) and ok


def _killed_and_resumed(first: Machine, second: Machine, simulator: Simulator) -> bool:
    """Run the commands that a user would; return whether everything ended as expected."""
    moved = second is not first
    apply = (*APPLY, "--wait") if moved else APPLY
    ended = [first.run("fleet", "plan", FLEET_FILE) == ExitCode.USAGE]
    print_paragraph(
        f"The token of {LABS} lacks a right, so that this shard will fail. {CANARY} comes first:"
    )
    done = first.watch(apply, _shard, kill_after=KILLED_AT)
    killed = f"Killed with SIGKILL after {done} results"
    if moved:
        print_paragraph(
            f"{killed}, and its machine is gone. On another one, with another\nfolder and HOME, "
            "what the journals know. What was killed still counts as running:"
        )
    else:
        print_paragraph(f"{killed}. What the journals know:")
    ended.append(second.run("fleet", "status", FLEET_FILE) == 0)
    takes_over = ". It takes over once it has seen a lease unchanged for 5 s" if moved else ""
    print_paragraph(f"The same command again{takes_over}:")
    ended.append(second.watch(apply, _shard) == -ExitCode.USAGE)
    order = [effect.names["organization"] for effect in simulator.effects]
    canary = order.count(CANARY)
    ended.append(LABS not in order and set(order[:canary]) == {CANARY})
    print_paragraph(
        f"The server saw {canary} changes in {CANARY}, then {len(order) - canary} in the others, "
        f"{order.count(LABS)} of them in {LABS}."
    )
    ended.append(second.run("fleet", "report", FLEET_FILE) == 0)
    return all(ended)


def _with_the_right(machine: Machine) -> bool:
    print_paragraph(f"The token of {LABS} is given the right. The same command once more:")
    ended = [machine.watch(APPLY, _shard) == 0]
    ended.append(machine.run("fleet", "status", FLEET_FILE) == 0)
    return all(ended)


def _user(organization: str, *, can_list: bool) -> User:
    """Return the user of an organization's token, who sees no other one."""
    user = User(name=organization) if can_list else User.of_workspaces(organization)
    return User(name=organization, organizations={organization: user})


def _variable(organization: str) -> str:
    """Return the environment variable with an organization's token: ``ACME_LABS_TOKEN``."""
    return f"{organization.upper().replace('-', '_')}_TOKEN"


def _shard(result: dict[str, Any]) -> str:
    return f"in {result['shard']}"
