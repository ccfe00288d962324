"""``report --format html``."""

from __future__ import annotations

from tests.cli.support import World
from tests.conftest import Here


def test_the_command_writes_the_page(world: World, here: Here) -> None:
    """It writes the page of a rollout into the named file."""
    world.job()
    assert here("apply", "job.toml", "--journal", "scan.jsonl", "--yes").code == 0
    done = here("report", "scan.jsonl", "--format", "html", "--output", "report.html")
    assert (done.code, done.out) == (0, "")
    text = (world.folder / "report.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "12 of 12 workspaces changed, none failed." in text
    assert text.count('<tr><th scope="row">') == 12
