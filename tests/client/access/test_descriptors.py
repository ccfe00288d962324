"""A process with few file descriptors opens few connections; with none, it explains why."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import pytest

from bulkops.client.access.descriptors import SPARE, most_connections
from bulkops.client.api import Client
from bulkops.errors import BulkopsError
from tests.cli.support import NOBODY, World, ended
from tests.conftest import Here
from tests.sampling import first

LIMITED = 'ulimit -n "$1"; shift; exec "$@"'
fd = pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no /dev/fd, which lists what is open")


def limited(world: World, files: int, *arguments: str) -> tuple[int, str]:
    """Run a command with this limit on open files; return its exit code and stderr."""
    words = ["/bin/sh", "-c", LIMITED, "sh", str(files), sys.executable, "-m", "bulkops"]
    done = ended(world.start_program([*words, *arguments]))
    return done.code, done.err


@pytest.mark.parametrize("files", first(1, [32, 25, 64]))
def test_few_descriptors_stop_no_job(world: World, files: int) -> None:
    """No attempt fails for lack of descriptors; a lower concurrency is reported once.

    Descriptors are also needed for the name look-up and the wave's gate.
    """
    world.job(("[pace]", '[rollout]\nwaves = ["1"]\ngate = "true"\n[pace]\nmax_at_once = 50'))
    world.environment["TFE_ADDRESS"] = world.address.replace("127.0.0.1", "localhost")
    code, err = limited(world, files, "--log-file", "log", *world.applying)
    assert code == 0, err
    assert world.all_desired()
    assert err.count("few file descriptors") == 1
    assert "Too many open files" not in (world.folder / "log").read_text()


@pytest.mark.parametrize("files", first(1, [12, 8, 16]))
def test_no_descriptor_for_a_connection_is_an_error(world: World, files: int) -> None:
    """Exit 1, with the limit and the remedy, before anything is sent."""
    code, err = limited(world, files, *world.applying)
    assert code == 1
    assert "ulimit -n" in err
    assert world.writes == 0


def test_the_limit_is_the_number_of_free_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit minus open and reserved descriptors; None if unlimited; none left is an error."""
    real = resource.getrlimit(resource.RLIMIT_NOFILE)

    def limit(number: int) -> None:
        monkeypatch.setattr(resource, "getrlimit", lambda _what: (number, real[1]))

    limit(resource.RLIM_INFINITY)
    assert most_connections() is None
    limit(10_000)
    most = most_connections()
    assert most is not None
    limit(10_000 - most + 1)
    assert most_connections() == 1
    limit(10_000 - most)
    with pytest.raises(BulkopsError, match=f"ulimit -n 256.*the limit is {10_000 - most}"):
        most_connections()
    assert 9_000 < most < 10_000 - SPARE


@fd
@pytest.mark.anyio
async def test_a_client_respects_the_descriptor_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """An open client knows the limit and doesn't exceed it."""
    client = Client(NOBODY, "token")
    assert client.most_at_once is None
    monkeypatch.setattr("bulkops.client.api.most_connections", lambda: 3)
    async with client:
        assert client.most_at_once == 3


def test_too_many_open_files_are_not_reported_as_a_bug(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the limit, even if the error occurs in an import."""
    error = OSError(24, "Too many open files", "/usr/lib/python/asyncio/events.py")

    def none(_file: Path) -> None:
        raise error

    monkeypatch.setattr("bulkops.cli.session.load_job", none)
    done = here("plan", "job.toml")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Error: Too many open files: this process can't open enough files")
