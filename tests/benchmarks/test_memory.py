"""The benchmark of memory, and its server."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import anyio
import pytest

from benchmarks import memory
from benchmarks.memory import COMMANDS, IN_PROCESS, Command
from benchmarks.server import serving
from bulkops.api.resources import WorkspaceTask
from bulkops.client.api import Client
from bulkops.client.rows import Whole
from bulkops.journal.local.file import JournalFile
from bulkops.journal.reader import read
from bulkops.journal.states import Outcome

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def run_all(folder: Path, address: str) -> None:
    """Run all commands, one after the other."""
    for name in COMMANDS if address else IN_PROCESS:
        Command(name, 30, folder, address).run()


@pytest.mark.parametrize("sockets", [True, False])
def test_the_measured_run_is_a_whole_rollout(tmp_path: Path, *, sockets: bool) -> None:
    """Every command completes with exit code 0, and the server is in the desired state."""
    if sockets:
        with serving(30) as address:
            run_all(tmp_path, address)
        undone = read(JournalFile(tmp_path / "job.undo.jsonl")).replay
        assert undone.count(Outcome.SUCCEEDED) == 30
    else:
        run_all(tmp_path, "")
    replay = read(JournalFile(tmp_path / "job.jsonl")).replay
    assert replay.count(Outcome.SUCCEEDED) == 30
    assert len(replay.executions) == 2
    assert replay.verified is not None
    assert replay.verified.verified == 30


def test_the_server_has_no_limit_and_cuts_pages() -> None:
    """Every other workspace has the run task, shown in pages of 100."""

    async def ask(address: str) -> None:
        async with Client(address, "any") as client:
            assert (await client.ping()).limit is None
            assert len(await client.workspaces.list("acme")) == 450
            (task,) = await client.run_tasks.list("acme")
            attached = await client.run_tasks.attachments(task.id, Whole[WorkspaceTask])
            assert attached is not None
            assert {one.enforcement_level for one in attached.values()} == {"advisory"}
            assert attached.count() == 225

    with serving(450) as address:
        anyio.run(ask, address)


@pytest.mark.long
@linux
def test_a_command_is_measured_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is a row in MB for few workspaces, and one in bytes for each number of workspaces."""
    monkeypatch.setattr(memory, "FEW", 10)
    monkeypatch.setattr(memory, "TemporaryDirectory", lambda **_: _Kept(tmp_path))
    memory.main(["--in-process", "--workspaces", "500", "--commands", "plan", "--runs", "1"])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert re.fullmatch(r"\| 10 \| [\d.]+ MB \|", rows[2])
    assert re.fullmatch(r"\| 500 \| -?[\d,]+ \|", rows[3])


class _Kept:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> str:
        return str(self._path)

    def __exit__(self, *_: object) -> None:
        pass
