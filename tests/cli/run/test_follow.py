"""``watch`` in virtual time: a journal that grows, pauses, stalls, or arrives in pieces."""

from __future__ import annotations

import itertools
import re
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from bulkops.cli.run.follow import Surroundings, follow
from bulkops.cli.run.followed import Followed, seconds_of
from bulkops.errors import BulkopsError, ExitCode, JournalDamaged, JournalError
from bulkops.journal.lines import frame
from bulkops.journal.local.lock import locked
from bulkops.journal.local.place import LocalPlace
from bulkops.journal.records import (
    Execution,
    Holder,
    Intent,
    Paced,
    Record,
    Refused,
    WaveReached,
)
from bulkops.journal.states import Reached
from tests.cli.output.test_events import validated
from tests.cli.support import World
from tests.conftest import Here
from tests.journal.samples import HOLDER, intent, result

LINE = re.compile(rb'\{"seq":(\d+),"group":(\d+),(.*),"crc":"\w{8}"\}\n')
IN_WAVES = ("[pace]", '[rollout]\nwaves = ["1", "50%"]\nmax_failures = 12\n[pace]')


class Time:
    """Virtual time: it passes during a sleep, which runs what is due.

    Attributes:
        now: seconds since the watcher started.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.began = datetime.now(UTC)
        self._due = list[tuple[float, Callable[[], object]]]()

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something at a time."""
        self._due.append((seconds, action))
        self._due.sort(key=lambda due: due[0])

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        assert self.now < 10_000, "it never ended"
        while self._due and self._due[0][0] <= self.now:
            self._due.pop(0)[1]()

    def around(self, *, alive: bool = False) -> Surroundings:
        """Return a watcher's surroundings."""
        return Surroundings(
            now=lambda: self.now,
            sleep=self.sleep,
            wall=lambda: self.began + timedelta(seconds=self.now),
            is_alive=lambda _: alive,
        )


@pytest.fixture
def time() -> Time:
    """Virtual time, starting at 0."""
    return Time()


@pytest.fixture
def whole(world: World, here: Here) -> bytes:
    """The journal of a finished job in three waves."""
    world.job(IN_WAVES)
    assert here(*world.applying).code == 0
    return world.journal.read_bytes()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The path at which a copy of it arrives."""
    return tmp_path / "copy" / "scan.jsonl"


def arrives(copy: Path, data: bytes) -> Callable[[], object]:
    """Return a function that gives a copy these bytes."""
    copy.parent.mkdir(exist_ok=True)
    return lambda: copy.write_bytes(data)


def up_to(data: bytes, word: bytes, number: int = 1) -> bytes:
    """Return a journal up to and including the n-th line with a word."""
    lines = data.splitlines(keepends=True)
    place = [n for n, line in enumerate(lines, 1) if word in line][number - 1]
    return b"".join(lines[:place])


def reframed(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Return a journal whose records were changed but whose lines are valid."""
    lines = [LINE.fullmatch(line) for line in data.splitlines(keepends=True)]
    made, crc = b"", 0
    for match in filter(None, lines):
        part, crc = frame([b"{" + change(match[3]) + b"}"], int(match[1]), int(match[2]), crc)
        made += part
    return made


def elsewhere(data: bytes) -> bytes:
    """Return a journal written on another host."""
    return reframed(data, lambda record: re.sub(rb'"host":"[^"]+"', b'"host":"far-away"', record))


def out(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return stdout's lines since the last call."""
    return capsys.readouterr().out.splitlines()


def test_a_finished_job_is_reported_immediately(
    whole: bytes, world: World, here: Here, time: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    """As ``apply`` ended it: the report on stdout, the next command on stderr, the exit code."""
    assert whole
    assert follow(LocalPlace(world.journal), json=False, around=time.around()) is ExitCode.DONE
    assert time.now == 0
    captured = capsys.readouterr()
    done = here("status", "scan.jsonl")
    assert captured.out.splitlines()[1:4] == done.out.splitlines()[:3]
    assert "Journal: " in captured.err


def test_lines_come_as_they_are_written(
    whole: bytes, copy: Path, time: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    """Results and waves as they arrive, progress every ten seconds, all on stdout."""
    lines = elsewhere(whole).splitlines(keepends=True)
    started = next(n for n, line in enumerate(lines, 1) if b'"type":"execution"' in line)
    for number in range(started, len(lines)):
        arrives(copy, b"".join(lines[:number]))
        time.at((number - started) * 0.9, arrives(copy, b"".join(lines[:number])))
    arrives(copy, b"".join(lines[:started]))()
    time.at(len(lines), arrives(copy, b"".join(lines)))
    assert follow(LocalPlace(copy), json=False, around=time.around()) is ExitCode.DONE
    captured = capsys.readouterr()
    shown = captured.out.splitlines()
    results = [line.split()[1] for line in shown if line.startswith("succeeded  ")]
    assert results == sorted(f"prod-{number:03}" for number in range(1, 13))
    assert "Wave 2 of 3: 5 operations" in shown
    assert shown[0].startswith("scan: attach security-scan in acme (http")
    assert re.match(r"  Watching \S+, written by pid \d+ on far-away since 20", shown[1])
    progress = [line for line in shown if " of 12 done" in line]
    assert abs(len(progress) - time.now / 10) < 2
    assert "  12 succeeded of 12 operations" in shown
    assert " of 12 done" not in captured.err


def test_an_incomplete_plan_is_waited_for(
    whole: bytes, copy: Path, time: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line reports it; the lock is not known yet, so no process is reported as gone."""
    arrives(copy, b"")()
    time.at(60, arrives(copy, whole[:700]))
    time.at(120, arrives(copy, whole))
    assert follow(LocalPlace(copy), json=False, around=time.around(alive=True)) is ExitCode.DONE
    shown = out(capsys)
    assert shown[0] == f"{copy}: its plan is still incomplete: waiting for the rest"
    assert "  No new record for 10 s: waiting for the rest of the plan" in shown
    assert "  12 succeeded of 12 operations" in shown


def test_a_process_that_is_about_to_resume_is_waited_for(
    world: World, here: Here, time: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    """If a paused job's journal is locked, its next execution has not been recorded yet."""
    world.job(("[pace]", '[rollout]\nwaves = ["1", "50%"]\npause = "manual"\n[pace]'))
    assert here(*world.applying).code == 6
    with ExitStack() as stack:
        by = Holder("ann", socket.gethostname(), 1, "")
        stack.enter_context(locked(world.journal, by))
        time.at(30, stack.close)
        assert follow(LocalPlace(world.journal), json=False, around=time.around()) == 6
    shown = out(capsys)
    assert time.now >= 30
    assert "another process holds it now" in shown[1]
    assert any("from the process that holds the journal now" in line for line in shown)


def test_a_copy_may_arrive_in_any_pieces(
    whole: bytes, copy: Path, time: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    """From an empty file, through parts of the header and of the plan, to the end."""
    sizes = [0, 1, 50, 500, 501, *range(1000, len(whole), 777), len(whole)]
    arrives(copy, b"")()
    for number, size in enumerate(sizes):
        time.at(number * 1.3, arrives(copy, whole[:size]))
    assert follow(LocalPlace(copy), json=True, around=time.around(alive=True)) is ExitCode.DONE
    types = [validated(line)["type"] for line in out(capsys)]
    assert types.count("result") == 12
    assert types[-1] == "report"
    assert set(types) == {"result", "wave", "progress", "report"}


def test_events_are_those_of_the_whole_execution(
    whole: bytes, copy: Path, time: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    """Results and waves from its beginning, also from before the watching; then the report."""
    arrives(copy, whole)()
    follow(LocalPlace(copy), json=True, around=time.around())
    everything = out(capsys)
    arrives(copy, up_to(whole, b'"type":"result"', 7))()
    time.at(3, arrives(copy, whole))
    assert follow(LocalPlace(copy), json=True, around=time.around(alive=True)) is ExitCode.DONE
    assert out(capsys) == everything


def test_a_writer_that_is_gone_is_reported(
    whole: bytes, copy: Path, time: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten seconds after its last record: exit 1, and how to resume; no report on stdout."""
    part = up_to(whole, b'"type":"result"', 7)
    arrives(copy, up_to(whole, b'"type":"result"', 3))()
    time.at(30, arrives(copy, part))
    around = time.around(alive=True)
    # A process of this host that writes the journal elsewhere, until it is killed.
    around = around._replace(is_alive=lambda _: time.now < 31)
    with pytest.raises(BulkopsError, match=r"is gone \(pid \d+ on ") as raised:
        follow(LocalPlace(copy), json=False, around=around)
    assert raised.value.exit_code == ExitCode.ERROR
    assert f"`bulkops resume {copy}` resumes it." in str(raised.value)
    assert 31 < time.now < 40
    shown = out(capsys)
    assert "7 succeeded, " in shown[-1]
    assert "executions" not in "".join(shown)
    with pytest.raises(BulkopsError):
        follow(LocalPlace(copy), json=True, around=time.around())
    assert not [line for line in out(capsys) if '"type":"report"' in line]


@pytest.mark.parametrize("alive", [True, False])
def test_an_unknown_writer_is_only_silent(
    whole: bytes, copy: Path, time: Time, capsys: pytest.CaptureFixture[str], *, alive: bool
) -> None:
    """For another host's job, or a copy, it shows how long nothing arrived, up to an hour."""
    data = whole if alive else elsewhere(whole)
    arrives(copy, up_to(data, b'"type":"result"', 7))()
    time.at(3600, arrives(copy, data))
    assert follow(LocalPlace(copy), json=False, around=time.around(alive=alive)) is ExitCode.DONE
    shown = out(capsys)
    silent = [line for line in shown if "no new record for " in line]
    assert "no new record for 15 s from pid " in silent[0]
    assert "no new record for 60 min" in silent[-1]
    assert not [line for line in silent if "a second" in line or "left" in line]
    assert "gone" not in "".join(shown)


def test_a_silence_after_a_429_is_no_pause(
    whole: bytes, copy: Path, time: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    """The journal's time stands still then: a pause that it began would never end."""
    paced = re.compile(rb'"type":"paced",("at":"[^"]+").*')
    refused = rb'"type":"refused",\1,"seconds":30.0'
    data = reframed(elsewhere(whole), lambda record: paced.sub(refused, record))
    arrives(copy, up_to(data, b'"type":"result"', 3))()
    time.at(600, arrives(copy, data))
    assert follow(LocalPlace(copy), json=False, around=time.around()) is ExitCode.DONE
    shown = [line for line in out(capsys) if " of 12 done" in line]
    assert "paused for " in shown[0]
    assert all("no new record for " in line for line in shown[1:])
    assert not [line for line in shown[1:] if "paused" in line]


def test_a_job_resumed_meanwhile_is_watched_on(
    world: World, here: Here, copy: Path, time: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    """The killed writer was started again before it was reported as gone."""
    world.job(IN_WAVES)
    world.kill(signal.SIGKILL, write=4, stage="after")
    killed = world.journal.read_bytes()
    assert here("resume", "scan.jsonl", "--yes").code == 0
    whole = world.journal.read_bytes()
    arrives(copy, killed)()
    time.at(4, arrives(copy, up_to(whole, b'"type":"execution"', 2)))
    time.at(6, arrives(copy, whole))
    assert follow(LocalPlace(copy), json=False, around=time.around()) is ExitCode.DONE
    shown = out(capsys)
    assert [line for line in shown if line.startswith("Started again: pid ")]
    assert "  2 executions, the last one complete" in shown


def test_lasting_damage_is_an_error(whole: bytes, copy: Path, time: Time) -> None:
    """A copy in progress may look damaged for a second; after two seconds it is exit 12."""
    sound = len(up_to(whole, b'"type":"result"', 3))
    arrives(copy, whole[:sound] + b"?" + whole[sound + 1 :])()
    with pytest.raises(JournalDamaged, match="damaged at byte"):
        follow(LocalPlace(copy), json=False, around=time.around())
    assert time.now == 2
    time.at(3, arrives(copy, whole))
    assert follow(LocalPlace(copy), json=False, around=time.around()) is ExitCode.DONE


def test_a_forged_journal_is_refused(whole: bytes, copy: Path, time: Time) -> None:
    """Its job could not have decided these operations: exit 12, immediately."""
    forged = reframed(whole, lambda record: record.replace(b'"mandatory"', b'"advisory"', 1))
    arrives(copy, forged)()
    with pytest.raises(JournalDamaged, match="contradicts itself"):
        follow(LocalPlace(copy), json=False, around=time.around())
    assert time.now == 0


def test_a_journal_that_is_removed_is_an_error(whole: bytes, copy: Path, time: Time) -> None:
    """After a few seconds, because a copy that is renamed into place is absent for a moment."""
    part = up_to(whole, b'"type":"result"', 3)
    arrives(copy, part)()
    time.at(2, copy.unlink)
    time.at(4, arrives(copy, part))
    time.at(8, copy.unlink)
    with pytest.raises(JournalError, match="No such file"):
        follow(LocalPlace(copy), json=False, around=time.around(alive=True))
    assert 12 < time.now < 16


def test_another_run_in_its_place_is_an_error(
    whole: bytes, world: World, here: Here, copy: Path, time: Time
) -> None:
    """Exit 1: the output so far belongs to another journal."""
    assert here("undo", "scan.jsonl", "--yes").code == 0
    arrives(copy, up_to(whole, b'"type":"result"', 3))()
    time.at(2, arrives(copy, (world.folder / "scan.undo.jsonl").read_bytes()))
    with pytest.raises(JournalError, match="another run has taken its place") as raised:
        follow(LocalPlace(copy), json=False, around=time.around(alive=True))
    assert raised.value.exit_code == ExitCode.ERROR


def test_another_state_of_the_same_job_is_watched_on(
    whole: bytes, copy: Path, time: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line reports it, no result is printed again, and it ends as that state does."""
    arrives(copy, up_to(whole, b'"type":"result"', 7))()
    other = reframed(whole, lambda record: record.replace(b'"attempts":1', b'"attempts":2', 1))
    time.at(2, arrives(copy, other))
    assert follow(LocalPlace(copy), json=False, around=time.around(alive=True)) is ExitCode.DONE
    shown = out(capsys)
    assert f"{copy}: it was replaced with another state of the same job" in shown
    assert not [line for line in shown if line.startswith("succeeded ")]
    assert "  12 succeeded of 12 operations" in shown


@pytest.mark.parametrize(
    ("rollout", "code"), [('pause = "manual"', 6), ('gate = "exit 1"', 4), ('gate = "exit 3"', 6)]
)
def test_the_exit_code_is_the_jobs(
    world: World, here: Here, time: Time, rollout: str, code: int
) -> None:
    """For example if the job paused, or its gate stopped it."""
    world.job(("[pace]", f'[rollout]\nwaves = ["1", "50%"]\n{rollout}\n[pace]'))
    assert here(*world.applying).code == code
    assert follow(LocalPlace(world.journal), json=False, around=time.around()) == code
    assert time.now == 0


def test_a_pause_counts_down(
    whole: bytes, copy: Path, time: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the journal's date, also for a watcher that starts late; it doesn't count as silence."""
    began = time.began - timedelta(seconds=40)

    def dated(seconds: float) -> str:
        then = began + timedelta(seconds=seconds)
        return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def resting(record: bytes) -> bytes:
        if b'"reached":"verified"' not in record:
            return record.replace(b'"rollout":{', b'"rollout":{"pause":"100s",')
        wave = re.sub(rb'"at":"[^"]+"', f'"at":"{dated(0)}"'.encode(), record)
        return wave + f',"until":"{dated(100)}"'.encode()

    data = reframed(whole, resting)
    arrives(copy, up_to(data, b'"reached":"verified"'))()
    time.at(58, arrives(copy, data))
    assert follow(LocalPlace(copy), json=False, around=time.around(alive=True)) is ExitCode.DONE
    assert out(capsys)[2].startswith(
        "  1 of 12 done (wave 1 of 3), pause between waves: 5 s left, until 20"
    )


def test_the_time_of_a_copy_is_that_of_its_records() -> None:
    """A piece brings half a minute of records: they did not happen in a moment."""
    followed = Followed()
    followed.arrives_late = True
    dates = [f"2026-11-24T21:58:{second:02}.000Z" for second in (0, 10, 40)]
    times = list[float]()
    for number, date in enumerate(dates):
        followed.take(Intent(f"attach:ws-{number}", date))
        times.append(followed.now)
    assert times == [0, 10, 40]
    followed.take(Intent("attach:ws-4", "not a date"))
    assert followed.now == 40
    assert seconds_of("") is None


def test_an_operation_without_a_result_is_in_flight() -> None:
    """Only in this execution: operations that an earlier one left in doubt are not in flight."""
    followed = Followed()
    records: list[Record] = [intent(0), Execution(HOLDER, "1"), intent(1), intent(2), result(1)]
    for record in [*records, Paced("", 30.0, 27.0), Refused("", 2.0)]:
        followed.take(record)
    activity = followed.activity
    assert (activity.in_flight, activity.limit, activity.refused) == (1, 30.0, 1)
    assert activity.pause_seconds == 2.0
    followed.passes(1.5)
    assert followed.activity.pause_seconds == 0.5
    opened = WaveReached(1, 0, 1, Reached.OPEN, "")
    followed.take(opened)
    assert [followed.wave] == [opened]
    followed.take(Execution(HOLDER, "1"))
    assert [followed.wave, followed.activity.refused] == [None, 0]


def test_no_piece_is_shown_twice(
    whole: bytes, copy: Path, time: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    """Complete copies are renamed into place, one per second."""
    cuts = [len(up_to(whole, b'"type":"result"', number)) for number in (2, 5, 9)]
    for number, cut in enumerate(itertools.chain(cuts, [len(whole)])):
        data = whole[:cut]

        def renamed(data: bytes = data) -> None:
            copy.with_name("new").write_bytes(data)
            copy.with_name("new").rename(copy)

        time.at(number, renamed)
    arrives(copy, whole[:50])()
    assert follow(LocalPlace(copy), json=True, around=time.around(alive=True)) is ExitCode.DONE
    keys = [value["key"] for line in out(capsys) if (value := msgspec.json.decode(line)).get("key")]
    assert len(keys) == len(set(keys)) == 12
