"""A realistic organization: named workspaces in three environments and four projects."""

from __future__ import annotations

from random import Random
from typing import Final

from bulkops.simulator.setup import Setup
from bulkops.simulator.state import Workspace

PROJECTS: Final = ("platform", "payments", "data")
# Each environment as often as it occurs per ten workspaces.
_ENVIRONMENTS: Final = ("prod",) * 4 + ("staging",) * 3 + ("dev",) * 3
_SERVICES: Final = ("app", "api", "network", "database", "queue", "cache", "dns", "monitoring")
# Shared by all workspaces of an environment: bindings are replaced, never changed in place.
_BINDINGS: Final = {environment: {"env": environment} for environment in _ENVIRONMENTS}
_CANARY_EVERY: Final = 20
_SANDBOX: Final = "sandbox"
_SANDBOX_EVERY: Final = 25


def populate(
    simulator: Setup, organization: str, *, workspaces: int, seed: int, now: float = 0.0
) -> list[Workspace]:
    """Add an organization with workspaces such as ``prod-app-001`` and ``staging-dns-017``.

    Each workspace has its environment as a tag and as the tag binding ``env``, and one in twenty
    also the tag ``canary``. One in twenty-five is in the project ``sandbox``. The seed determines
    the organization, ``now`` (monotonic seconds) the timestamps. Returns the workspaces in the
    order in which they were added.
    """
    random = Random(seed)
    simulator.add_organization(organization, now=now)
    for project in (*PROJECTS, _SANDBOX):
        simulator.add_project(project, organization=organization, now=now)
    numbers: dict[str, int] = {}
    added: list[Workspace] = []
    for position in range(workspaces):
        environment = random.choice(_ENVIRONMENTS)
        stem = f"{environment}-{random.choice(_SERVICES)}"
        numbers[stem] = numbers.get(stem, 0) + 1
        canary = ("canary",) if position % _CANARY_EVERY == 0 else ()
        project = random.choice(PROJECTS)
        workspace = simulator.add_workspace(
            f"{stem}-{numbers[stem]:03}",
            organization=organization,
            project=project if (position + 1) % _SANDBOX_EVERY else _SANDBOX,
            tags=(environment, *canary),
            now=now,
        )
        workspace.tag_bindings = _BINDINGS[environment]
        added.append(workspace)
    return added
