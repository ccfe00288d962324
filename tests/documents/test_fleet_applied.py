"""The ready fleet file does what its comments say, in four organizations."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from bulkops.simulator.state import User
from tests.cli.support import StagedSimulator, World, no_secret_below, serving
from tests.conftest import Here

JOBS = Path(__file__).resolve().parents[2] / "jobs"
ORGANIZATIONS = ("acme-canary", "acme-emea", "acme-retail", "acme")
PRODUCTION = ("prod-api", "prod-app")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The four organizations, and a copy of the files for this server; each token sees one."""
    text = (JOBS / "fleet.toml").read_text(encoding="utf-8")
    variables = re.findall('token_env = "(.*)"', text)
    tokens = dict(zip(variables, ORGANIZATIONS, strict=True))
    simulator = StagedSimulator(rate=0)
    simulator.tokens = {
        f"token-of-{name}": User(name=name, organizations={name: User(name=name)})
        for name in ORGANIZATIONS
    }
    for name in ORGANIZATIONS:
        simulator.add_organization(name)
        simulator.add_task("security-scan", organization=name)
        for workspace in (*PRODUCTION, "prod-sandbox", "dev-app"):
            simulator.add_workspace(workspace, organization=name)
    shutil.copytree(JOBS, tmp_path / "jobs")
    with serving(simulator) as address:
        world = World(simulator, address, tmp_path)
        world.environment |= {name: f"token-of-{of}" for name, of in tokens.items()}
        del world.environment["TFE_TOKEN"]
        assert "https://tfe.example.com" in text
        text = text.replace("https://tfe.example.com", address)
        (tmp_path / "jobs" / "fleet.toml").write_text(text, encoding="utf-8")
        yield world
    no_secret_below(tmp_path)


def test_the_fleet_ends_as_its_comments_say(world: World, here: Here) -> None:
    """Its waves follow each other, and a second plan is empty."""
    plan = ("fleet", "plan", "jobs/fleet.toml", "--detailed-exitcode")
    assert here(*plan).code == 2
    assert world.writes == 0
    done = here("fleet", "apply", "jobs/fleet.toml", "--yes")
    assert done.code == 0, done
    order = [effect.names["organization"] for effect in world.simulator.effects]
    assert Counter(order) == dict.fromkeys(ORGANIZATIONS, len(PRODUCTION))
    waves = {"acme-canary": 1, "acme-emea": 2, "acme-retail": 3, "acme": 3}
    assert [wave for wave, _ in groupby(order, waves.__getitem__)] == [1, 2, 3]
    assert {effect.names["workspace"] for effect in world.simulator.effects} == {*PRODUCTION}
    below = (world.folder / ".bulkops" / "fleet").iterdir()
    folders = {path.name for path in below if path.is_dir()}
    assert folders == {"acme-canary", "acme-emea", "acme-retail", "onprem"}
    assert here(*plan).code == 0
