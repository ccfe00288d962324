"""A server with several organizations, each with a token of its own, for the files about fleets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bulkops.simulator.state import User
from tests.cli.support import TASK, StagedSimulator, World, serving, workspaces

SHARDS = ("acme-canary", "acme-emea", "acme-onprem", "acme-retail")
"""The organizations of each fleet in ``jobs/``."""


def variable(organization: str) -> str:
    """Return the environment variable of an organization's token: ``ACME_EMEA_TOKEN``."""
    return f"{organization.upper().replace('-', '_')}_TOKEN"


def token(organization: str) -> str:
    """Return an organization's token."""
    return f"canary-token-of-{organization}"


class Organizations(World):
    """Organizations with the same workspaces, and the run task that each is to get.

    Attributes:
        names: theirs.
        number: of the workspaces of each.
    """

    def __init__(
        self,
        simulator: StagedSimulator,
        address: str,
        folder: Path,
        names: Sequence[str],
        number: int,
    ) -> None:
        super().__init__(simulator, address, folder)
        self.names = tuple(names)
        self.number = number

    def declare(self, base: str) -> None:
        """Write the fleet file, ``fleet.toml``, and a job file without an organization.

        Args:
            base: the address of the journals.
        """
        self.job(('organization = "acme"\n', ""), ("[pace]\n", "[pace]\nmax_at_once = 2\n"))
        text = f'job = "job.toml"\njournals = "{base}"\n'
        for name in self.names:
            text += f'[[shard]]\norganization = "{name}"\naddress = "{self.address}"\n'
            text += f'token_env = "{variable(name)}"\n'
        (self.folder / "fleet.toml").write_text(text, encoding="utf-8")

    @property
    def tokens(self) -> dict[str, str]:
        """The variables with the tokens."""
        return {variable(name): token(name) for name in self.names}

    def changes(self) -> Counter[tuple[str, str]]:
        """Return organization and workspace → number of changes that took effect."""
        return Counter(
            (effect.names["organization"], effect.names["workspace"])
            for effect in self.simulator.effects
        )

    def each_once(self) -> None:
        """Check that each workspace of each organization has been changed, and only once."""
        expected = {(name, one) for name in self.names for one in workspaces(self.number)}
        assert dict(self.changes()) == dict.fromkeys(expected, 1)


@contextmanager
def organizations(
    folder: Path, names: Sequence[str] = SHARDS, number: int = 6, *, rate: int = 0
) -> Iterator[Organizations]:
    """Serve organizations; a token sees only its own, and has a limit of its own.

    Args:
        rate: requests per second; 0 for no limit.
    """
    # A repeated attach succeeds, so that the server's refusal can't hide that it was sent twice.
    users = {token(name): User(name=name, organizations={name: User(name=name)}) for name in names}
    simulator = StagedSimulator(rate=rate, duplicate_attach="accept", tokens=users)
    for name in names:
        simulator.add_organization(name)
        simulator.add_task(TASK, organization=name)
        for workspace in workspaces(number):
            simulator.add_workspace(workspace, organization=name)
    with serving(simulator) as address:
        yield Organizations(simulator, address, folder, names, number)
