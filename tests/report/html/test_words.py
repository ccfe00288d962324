"""A rollout's result in sentences."""

from __future__ import annotations

import msgspec
import pytest

from bulkops.errors import WORDS, ExitCode
from bulkops.journal.records import Ended, Execution, Record, Rest, Verified
from bulkops.journal.states import Held, Outcome, Reached
from bulkops.report.current_wave import Running
from bulkops.report.html.words import sentences, verdict
from bulkops.report.model import PENDING, Report
from tests.journal.samples import HOLDER, header
from tests.report.html.samples import (
    at,
    done,
    execution,
    key,
    not_done,
    report_of,
    rolled_out,
    wave,
)


def of_two(*since: Record, how: str = "complete", undo: bool = False) -> Report:
    """Return the report of a rollout of two operations that ended this way."""
    ended = [Ended(at(9), how)] if how else []
    report = rolled_out(2, Execution(HOLDER, "1"), list(since), *ended)
    return msgspec.structs.replace(report, undo_of="bulkops-7") if undo else report


BOTH = (*done(0, 1), *done(1, 2))
STILL_DESIRED = Verified(at(3), 2)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (of_two(*BOTH), "2 of 2 workspaces changed, none failed."),
        (
            of_two(*BOTH, STILL_DESIRED),
            "2 of 2 workspaces changed, none failed. "
            "Verified: the server shows all of them as desired.",
        ),
        (of_two(*BOTH, undo=True), "2 of 2 workspaces reverted, none failed."),
        (
            of_two(*BOTH, Verified(at(3), 1, {key(0): "not attached"})),
            "2 of 2 workspaces changed, none failed. "
            "Verified: the server shows 1 of 2 as desired.",
        ),
        (
            of_two(*BOTH, Verified(at(3), 0, unreadable=2)),
            "2 of 2 workspaces changed, none failed. "
            "Verified: the server shows 0 of 2 as desired; 2 can't be read back.",
        ),
        (
            of_two(*done(0, 1), not_done(1, 2), Verified(at(3), 1)),
            "1 of 2 workspaces changed, 1 failed. "
            "Verified: the server shows the one that is done as desired.",
        ),
        (
            of_two(not_done(0, 1, Outcome.CONFLICT), not_done(1, 2, Outcome.IN_DOUBT)),
            "0 of 2 workspaces changed, none failed, 1 left alone because of changes outside this "
            "job, 1 in doubt.",
        ),
        (
            of_two(not_done(0, 1, Outcome.SKIPPED), how="SIGTERM"),
            "0 of 2 workspaces changed, none failed, 1 already as desired, 1 not started. "
            "It was stopped by SIGTERM.",
        ),
        (
            of_two(*done(0, 1), how=""),
            "1 of 2 workspaces changed, none failed, 1 not started. "
            "The last execution was killed or is still running.",
        ),
        (
            rolled_out(1, execution(0), *BOTH[:2], Verified(at(3), 1), Ended(at(4), "complete")),
            "1 of 1 workspace changed, none failed. Verified: the server shows it as desired.",
        ),
        (
            rolled_out(0, execution(0), Verified(at(3), 0), Ended(at(4), "complete")),
            "There was nothing to change.",
        ),
    ],
)  # fmt: skip
def test_sentences_give_the_result(report: Report, words: str) -> None:
    """They count what changed, failed or had another outcome, and what was verified."""
    assert " ".join(sentences(report, "workspace")) == words


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (wave(1, 0, 1, Reached.OPEN, 1), "is in progress"),
        (wave(1, 0, 1, Reached.VERIFIED, 1), "is verified"),
        (wave(1, 0, 1, Reached.VERIFIED, 1, until=at(9)), "pauses until 2026-11-24 00:00:09 UTC"),
        (wave(1, 0, 1, Reached.PAUSE_OVER, 1), "is running its gate"),
        (
            wave(1, 0, 1, Reached.VERIFIED, 1, held=Held.MANUAL),
            "waits for --continue",
        ),
        (
            wave(1, 0, 1, Reached.PAUSE_OVER, 1, held=Held.FAIL, status=1),
            "was stopped by its gate (exit status 1)",
        ),
        (
            wave(1, 0, 1, Reached.PAUSE_OVER, 1, held=Held.INCONCLUSIVE, status=7),
            "waits: its gate was inconclusive (exit status 7)",
        ),
    ],
)
def test_a_sentence_gives_the_current_wave(record: Record, words: str) -> None:
    """It gives the wave's number, the number of waves, and why the job is there."""
    report = rolled_out(4, execution(0), record, waves=("1", "100%"))
    assert sentences(report, "workspace")[-1] == f"Wave 1 of 2 {words}."


def test_a_sentence_gives_the_next_opening() -> None:
    """Of a job that rests outside its windows: in their zone and in UTC."""
    rest = Rest(at(1), "2026-11-30T07:00:00Z", "2026-11-30T08:00:00+01:00", "Europe/Berlin")
    report = rolled_out(4, execution(0), rest)
    opening = "2026-11-30 08:00:00 Europe/Berlin (2026-11-30 07:00:00 UTC)"
    assert sentences(report, "workspace")[-1] == f"Its next window opens at {opening}."


def test_the_next_wave_is_named_before_it_begins() -> None:
    """Between two waves the current wave is the next one."""
    report = rolled_out(4, execution(0), wave(1, 0, 1, Reached.PASSED, 1), waves=("1", "100%"))
    assert sentences(report, "workspace")[-1] == "Wave 2 of 2 comes next."


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (report_of([header(0)]), "Not started"),
        (of_two(*BOTH), "Done"),
        (of_two(*BOTH, how=""), "Unfinished"),
        (of_two(not_done(0, 1), *done(1, 1)), "Partly done"),
        (of_two(not_done(0, 1), how="tolerance"), "Stopped"),
        (of_two(not_done(0, 1), how="error"), "Stopped by an error"),
        (of_two(not_done(0, 1, Outcome.IN_DOUBT)), "In doubt"),
        (of_two(how="paused"), "Paused"),
        *((of_two(how=signal), "Interrupted") for signal in ("SIGHUP", "SIGINT", "SIGTERM")),
    ],
)
def test_every_end_has_its_verdict(report: Report, words: str) -> None:
    """It is a few words at a glance."""
    assert verdict(report).words == words


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_has_its_verdict(code: ExitCode) -> None:
    """Even a code that ends no execution has a shape, so that the page is complete."""
    shown = verdict(msgspec.structs.replace(of_two(*BOTH), exit_code=code))
    assert shown.words == WORDS[code].verdict
    assert shown.shape in {*Outcome, PENDING}


def test_a_job_that_runs_is_named_as_such() -> None:
    """With the process that holds its journal."""
    running = Running(pid=4711, host="build-7", since="2026-11-24T21:58:03.120Z")
    report = msgspec.structs.replace(of_two(*done(0, 1), how=""), running=running)
    assert verdict(report) == ("Running", PENDING)
    assert sentences(report, "workspace")[-1] == (
        "It was running when this report was written: pid 4711 on build-7, since "
        "2026-11-24T21:58:03.120Z."
    )
