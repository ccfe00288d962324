"""Apprise's services: those of its URLs, one delivery each, and nothing that they log."""

from __future__ import annotations

import importlib
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from threading import Event

import anyio
import pytest

from bulkops.errors import JobError
from bulkops.job.notify import Occasion
from bulkops.notify.attempt import DELIVERED
from bulkops.notify.message import Message
from bulkops.notify.services import services_of

MESSAGE = Message(Occasion.FINISHED, "Finished: scan", b"{}")
PLACE = "scan: notify.apprise_env = URLS"
SENT: list[tuple[str, str]] = []
"""Host and text of each message to ``canary://``."""

ARRIVED, HANGING = Event(), Event()


def canary(body: str, title: str, *_: object, meta: dict[str, str], **__: object) -> bool:
    """Take a message, as any plugin of Apprise does; one host fails, one raises, one hangs."""
    host = meta["host"]
    SENT.append((host, body + title))
    ARRIVED.set()
    if host == "raises":
        raise ZeroDivisionError
    if host == "hangs":
        HANGING.wait(20)
    return host != "fails"


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    """Add a service to Apprise, which imports all of its plugins then."""
    with warnings.catch_warnings():
        # One of its plugins imports a module that Python is about to lose.
        warnings.simplefilter("ignore", DeprecationWarning)
        decorators = importlib.import_module("apprise.decorators")
        decorators.notify(on="canary")(canary)


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    """Forget what was sent, and let what hangs end."""
    SENT.clear()
    HANGING.clear()
    yield
    HANGING.set()


def test_each_url_is_a_service_of_its_own() -> None:
    """One that fails is tried again by itself, so that nobody is told twice."""
    both = services_of("URLS", "canary://works, canary://fails", PLACE)
    assert [one.name for one in both] == ["URLS, URL 1", "URLS, URL 2"]
    results = [anyio.run(one.attempt, MESSAGE) for one in both]
    assert results[0] == DELIVERED
    assert (results[1].problem, results[1].again) == ("Apprise could not deliver it", True)
    assert SENT == [("works", "Finished: scan"), ("fails", "Finished: scan")]


def test_a_service_that_raises_has_not_delivered() -> None:
    """Whatever a plugin raises ends nothing."""
    (one,) = services_of("URLS", "canary://raises", PLACE)
    assert one.name == "URLS"
    assert anyio.run(one.attempt, MESSAGE).problem == "Apprise could not deliver it"


def test_a_service_that_hangs_can_be_left() -> None:
    """Its thread keeps neither the loop nor the process from ending."""
    (one,) = services_of("URLS", "canary://hangs", PLACE)

    async def impatient() -> bool:
        with anyio.move_on_after(0.01):
            await one.attempt(MESSAGE)
            return False
        return True

    ARRIVED.clear()
    assert anyio.run(impatient)
    # Later, it would be in what the next test sees.
    assert ARRIVED.wait(20)


@pytest.mark.parametrize(
    "urls", ["nonsense://s3cret", "s3cret", "canary://works nope://s3cret", ","]
)
def test_what_apprise_does_not_know_is_refused(urls: str) -> None:
    """Without a word of it, and before anything is sent."""
    with pytest.raises(
        JobError, match=r"^scan: notify.apprise_env = URLS: it does not hold"
    ) as error:
        services_of("URLS", urls, PLACE)
    assert "s3cret" not in str(error.value)
    assert SENT == []


def test_apprise_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """What it logs names hosts and, when debugging, whole URLs."""
    with caplog.at_level(logging.DEBUG):
        (one,) = services_of("URLS", "json://127.0.0.1:9/s3cret", PLACE)
        assert anyio.run(one.attempt, MESSAGE) != DELIVERED
        with pytest.raises(JobError):
            services_of("URLS", "nonsense://s3cret", PLACE)
    assert "s3cret" not in caplog.text


def test_nothing_imports_apprise_unless_a_job_names_it() -> None:
    """It is an extra, and takes longer to import than the rest."""
    script = (
        "import sys, bulkops.cli.commands.apply, bulkops.notify.services; "
        "assert 'apprise' not in sys.modules; sys.modules['apprise'] = None; "
        "bulkops.notify.services.services_of('URLS', 'json://localhost', 'scan: notify')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    last = done.stderr.splitlines()[-1]
    assert last == (
        "bulkops.notify.environment.Unavailable: scan: notify: Apprise is not installed. "
        "Install it with `pip install 'bulkops[notify]'`"
    )
