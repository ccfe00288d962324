"""The live view on a real terminal while a job runs, and the screen afterwards."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bulkops import events
from bulkops.api.messages import Request, Response
from bulkops.cli.output import watch
from bulkops.cli.output.progress.model import JobProgress
from bulkops.simulator.faults import Delivery, Faults, Manner
from tests.cli.forked import SECONDS
from tests.cli.support import StagedSimulator, World, organization, serving
from tests.cli.terminal import COLOUR, CTRL_C, Terminal, held, on_terminal, on_tmux
from tests.conftest import Here

BAR = ("━", "─", "╸")


class Refusing(StagedSimulator):
    """Answers writes with 429 and a wait of one second, until the test ends it."""

    refuses = True

    def deliver(
        self,
        request: Request,
        now: float,
        faults: Faults | None = None,
        *,
        url_status: int | None = None,
    ) -> Delivery:
        """Refuse a write."""
        if request.writes and self.refuses:
            return Delivery(Manner.WHOLE, Response(429, {"retry-after": "1"}, b"{}"))
        return super().deliver(request, now, faults, url_status=url_status)


@pytest.fixture
def in_waves(world: World) -> World:
    """A job of three waves: 1, 5 and 6 operations."""
    world.job(("[pace]", '[rollout]\nwaves = ["1", "50%"]\nmax_failures = 12\n[pace]'))
    return world


def nothing_is_left(terminal: Terminal) -> None:
    """Fail if the screen still shows a part of the view, or no cursor."""
    assert not any(character in terminal.text for character in BAR), terminal.text
    assert "in flight" not in terminal.text.replace("operations in flight", "")
    assert terminal.cursor_is_there


def test_a_running_job_shows_its_waves(in_waves: World) -> None:
    """It shows a bar per wave, a total and what is in flight; then only the report is left."""
    with held(in_waves, 4) as let_go, on_terminal(in_waves) as terminal:
        terminal.until("in flight")
        shown = terminal.text
        assert "\n  wave 1  ━━━" in shown
        assert "\n  wave 3  ───" in shown
        assert "  1/1\n" in shown
        assert "  0/6\n" in shown
        let_go.set()
        assert terminal.ended() == 0
        nothing_is_left(terminal)
        assert "  12 succeeded of 12 operations\n" in terminal.text
        assert terminal.text.endswith("`bulkops undo scan.jsonl` reverts it.")
        # Successes are only counted: a line for each would hide what matters.
        assert "succeeded  prod-" not in terminal.output
    assert in_waves.all_desired()


def test_failures_scroll_above_the_view(in_waves: World) -> None:
    """They are printed immediately, as in the result, while the rollout continues."""
    gone = "prod-003"
    with (
        held(in_waves, 8, lambda: in_waves.simulator.remove_workspace(gone)) as let_go,
        on_terminal(in_waves) as terminal,
    ):
        terminal.until("1 failed")
        line = next(line for line in terminal.text.splitlines() if line.startswith("failed "))
        assert line.startswith(f"failed     {gone}  mandatory at post_plan  (404")
        assert terminal.text.index(line) < terminal.text.index("wave 1  ━━━")
        let_go.set()
        assert terminal.ended() == 3
        nothing_is_left(terminal)
        assert terminal.text.splitlines()[-2:] == [
            "`bulkops resume scan.jsonl --retry-failed` retries failed operations.",
            "`bulkops report scan.jsonl --only failed` lists the details.",
        ]
    assert len(in_waves.changed()) == 11


@pytest.fixture
def refusing(tmp_path: Path) -> Iterator[World]:
    """A server that allows 30 requests per second and answers the first write with 429."""
    simulator = Refusing(rate=30)
    organization(simulator)
    with serving(simulator) as address:
        yield World(simulator, address, tmp_path)


def test_a_requested_pause_is_explained(refusing: World) -> None:
    """The view shows how long everything waits, that the server asked for it, and its limit."""
    assert isinstance(refusing.simulator, Refusing)
    with on_terminal(refusing) as terminal:
        terminal.until(" s: the server answered 429 (its limit is 30 per second")
        assert "\n  Paused " in terminal.text
        refusing.simulator.refuses = False
        assert terminal.ended() == 0
        nothing_is_left(terminal)
    assert "429s: " in terminal.output


@pytest.mark.parametrize(
    ("key", "code"), [(CTRL_C, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
def test_a_draining_job_shows_what_it_waits_for(
    in_waves: World, key: bytes | signal.Signals, code: int
) -> None:
    """The view stays until operations in flight are done, and shows how long that may take."""
    with (
        held(in_waves, 2) as let_go,
        on_terminal(in_waves, *in_waves.applying, "--drain-timeout", "50") as terminal,
    ):
        terminal.until("5 in flight")
        terminal.type(key) if isinstance(key, bytes) else terminal.process.send_signal(key)
        terminal.until("\n  Stopping: waiting up to 50 s for 5 operations in flight")
        output = " ".join(terminal.text.split())
        assert "in flight (Ctrl-C again stops immediately). `bulkops resume scan.jsonl` " in output
        let_go.set()
        assert terminal.ended() == code
        nothing_is_left(terminal)
        assert "stopped by SIG" in terminal.text
        assert terminal.text.endswith("Not finished. `bulkops resume scan.jsonl` resumes it.")
    assert in_waves.writes == 6


def test_ctrl_c_twice_ends_immediately(in_waves: World) -> None:
    """It waits for nothing, and the screen is left in order."""
    with (
        held(in_waves, 2) as let_go,
        on_terminal(in_waves, *in_waves.applying, "--drain-timeout", "600") as terminal,
    ):
        terminal.until("5 in flight")
        terminal.type(CTRL_C)
        terminal.until("Stopping: waiting up to 10 min for 5 operations in flight")
        terminal.type(CTRL_C)
        assert terminal.ended() == 130
        let_go.set()
        nothing_is_left(terminal)
        assert "\nStopping immediately.\n" in terminal.text
        assert "5 in doubt" in terminal.text


def test_an_error_leaves_no_view_behind(in_waves: World) -> None:
    """A job that ends with an error removes the view, like any other end."""
    with held(in_waves, 2) as let_go, on_terminal(in_waves) as terminal:
        terminal.until("5 in flight")
        in_waves.journal.unlink()
        let_go.set()
        assert terminal.ended() == 14
        nothing_is_left(terminal)
        assert "Error: " in terminal.text


@pytest.mark.parametrize(("columns", "rows"), [(20, 10), (20, 3), (1, 1), (80, 24), (300, 60)])
def test_the_view_fits_any_terminal(in_waves: World, columns: int, rows: int) -> None:
    """It shows as much as fits, and the job is carried out."""
    with held(in_waves, 4) as let_go, on_terminal(in_waves, columns=columns, rows=rows) as terminal:
        if columns > 1:
            terminal.until("flight" if rows > 3 else "Wave 2")
        let_go.set()
        assert terminal.ended() == 0
        assert terminal.cursor_is_there
        assert not any(character in terminal.text for character in BAR)
    assert in_waves.all_desired()


def test_the_view_follows_the_windows_size(in_waves: World) -> None:
    """The view is drawn in the window's new size."""
    with held(in_waves, 4) as let_go, on_terminal(in_waves, columns=60) as terminal:
        terminal.until("in flight")
        assert "─" * 50 not in terminal.text
        terminal.resize(120, 40)
        terminal.until("─" * 50 + "   0/6")
        let_go.set()
        assert terminal.ended() == 0
        nothing_is_left(terminal)
    assert in_waves.all_desired()


def test_no_color_has_no_colours(in_waves: World) -> None:
    """NO_COLOR: the same view without colours; otherwise it has some."""
    for environment, coloured in (({"NO_COLOR": "1"}, False), ({}, True)):
        with (
            held(in_waves, 4) as let_go,
            on_terminal(in_waves, environment=environment) as terminal,
        ):
            terminal.until("in flight")
            let_go.set()
            assert terminal.ended() == 0
        in_waves.simulator.before = None
        assert "wave 1" in terminal.output
        assert bool(COLOUR.search(terminal.output)) == coloured
        assert in_waves.run("undo", "scan.jsonl", "--yes").code == 0
        for path in in_waves.folder.glob("*.jsonl"):
            path.unlink()


def test_bars_use_the_terminals_characters(in_waves: World) -> None:
    """On a terminal without UTF-8, bars are drawn with ASCII characters."""
    with (
        held(in_waves, 4) as let_go,
        on_terminal(in_waves, fresh=True, environment={"PYTHONIOENCODING": "ascii"}) as terminal,
    ):
        terminal.until("in flight")
        assert "wave 1  ####" in terminal.text
        assert "wave 3  ----" in terminal.text
        let_go.set()
        assert terminal.ended() == 0
        assert "####" not in terminal.text
    assert terminal.output.isascii()


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": ""}, {"CI": "true"}], ids=str)
def test_without_a_capable_terminal_there_are_plain_lines(
    in_waves: World, environment: dict[str, str]
) -> None:
    """A dumb terminal, or a log that looks like one, gets no escape sequence."""
    with on_terminal(in_waves, environment=environment) as terminal:
        assert terminal.ended() == 0
    assert "\x1b" not in terminal.output
    assert terminal.output.count("succeeded  prod-") == 12


def test_results_in_a_file_are_complete(in_waves: World) -> None:
    """The view is on the terminal, and stdout has one line per result, as always."""
    path = in_waves.folder / "out"
    with (
        held(in_waves, 4) as let_go,
        path.open("wb") as out,
        on_terminal(in_waves, stdout=out.fileno()) as terminal,
    ):
        terminal.until("in flight")
        let_go.set()
        assert terminal.ended() == 0
        nothing_is_left(terminal)
    lines = path.read_text().splitlines()
    assert sum(line.startswith("succeeded  prod-") for line in lines) == 12


def test_a_piped_stdout_has_no_live_view(in_waves: World) -> None:
    """``apply … | tee log``: both would draw on one terminal, so there is no view."""
    with held(in_waves, 8) as let_go, on_terminal(in_waves, pipe="tee log") as terminal:
        terminal.until("succeeded  prod-004")
        let_go.set()
        assert terminal.ended() == 0
    assert not any(character in terminal.output for character in BAR)
    assert terminal.output.count("succeeded  prod-") == 12


def test_a_gate_has_the_terminal_to_itself(in_waves: World) -> None:
    """The view does not draw over its output, and continues below it."""
    in_waves.job(("[pace]", "[rollout]\nwaves = ['1']\ngate = 'echo one; echo two'\n[pace]"))
    with held(in_waves, 3) as let_go, on_terminal(in_waves) as terminal:
        terminal.until("wave 2  ━")
        assert "\none\ntwo\nWave 1 of 2: its gate passed\n" in terminal.text
        let_go.set()
        assert terminal.ended() == 0
        nothing_is_left(terminal)


EVIL = "a[red]b[/red]\x1b[2J\x9b\u202e\r\n生产[/]"
SHOWN = r"a[red]b[/red]\u001b[2J\u009b\u202e\r\n"


def test_names_are_shown_literally(in_waves: World) -> None:
    """They contain no markup of the drawing library, control character or broken wide one."""
    in_waves.simulator.add_workspace(EVIL)
    with (
        held(in_waves, 8, lambda: in_waves.simulator.remove_workspace(EVIL)) as let_go,
        on_terminal(in_waves, columns=120) as terminal,
    ):
        terminal.until("1 failed")
        assert f"failed     {SHOWN}生" in terminal.text.replace("生 ", "生")
        let_go.set()
        assert terminal.ended() == 3
        nothing_is_left(terminal)


def test_a_closed_terminal_does_not_stop_a_job(in_waves: World) -> None:
    """The job is carried out without its terminal."""
    with held(in_waves, 4) as let_go, on_terminal(in_waves, detached=True) as terminal:
        terminal.until("in flight")
        terminal.hang_up()
        let_go.set()
        assert terminal.process.wait(SECONDS) == 0
    assert in_waves.all_desired()


def test_json_has_periodic_progress(
    world: World, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``--json`` it comes between the results; a short run has none."""
    assert not [v for v in here(*world.applying, "--json").objects if v["type"] == "progress"]
    assert here("undo", "scan.jsonl", "--yes").code == 0
    report_immediately(monkeypatch)
    done = here("apply", "job.toml", "--journal", "again.jsonl", "--yes", "--json")
    objects = [value for value in done.objects if value["type"] == "progress"]
    reported = [msgspec.convert(value, events.Progress) for value in objects]
    assert any(event.in_flight for event in reported)
    assert (
        {sum(event.counts.values()) for event in reported}
        == {event.of for event in reported}
        == {12}
    )
    assert "done" not in done.err


def test_without_a_terminal_there_are_periodic_lines(
    world: World, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Progress goes to stderr as plain lines."""
    assert " of 12 done" not in here(*world.applying).err
    assert here("undo", "scan.jsonl", "--yes").code == 0
    report_immediately(monkeypatch)
    done = here("apply", "job.toml", "--journal", "again.jsonl", "--yes")
    assert re.search(r"(?m)^  \d+ of 12 done, .*in flight", done.err)
    assert sum(line.startswith("succeeded") for line in done.lines) == 12


def report_immediately(monkeypatch: pytest.MonkeyPatch) -> None:
    """Print progress whenever the job waits."""
    for name in ("TICK", "FIRST", "EVERY"):
        monkeypatch.setattr(watch, name, 0.0)


def test_a_failing_view_does_not_stop_a_job(
    world: World, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in the view is reported once, and the rollout continues."""

    def broken(_progress: JobProgress) -> str:
        raise ZeroDivisionError("of nothing")

    report_immediately(monkeypatch)
    monkeypatch.setattr(watch, "plain_line", broken)
    done = here(*world.applying)
    assert done.code == 0
    assert done.err.count("can no longer be shown: ZeroDivisionError: of nothing") == 1
    assert world.all_desired()


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_a_window_made_narrower_is_redrawn(in_waves: World) -> None:
    """If the terminal wraps long lines, none of them is left behind."""
    with held(in_waves, 4) as let_go, on_tmux(in_waves, columns=100) as tmux:
        tmux.until("in flight")
        assert "─" * 40 in tmux.text
        tmux.resize(45)
        tmux.until("  0/6\n  all")
        assert tmux.text.count("wave 3") == tmux.text.count("in flight") == 1
        assert "Wave 2 of 3: 5 operations\n\n  wave 1" in tmux.text
        let_go.set()
        tmux.until("reverts it.")
        assert not any(character in tmux.text for character in BAR), tmux.text


def test_ctrl_z_leaves_the_terminal_to_the_shell(in_waves: World) -> None:
    """While stopped, the view is gone and the cursor shown; it continues below other output."""
    with held(in_waves, 2) as let_go, on_terminal(in_waves, fresh=True) as terminal:
        terminal.until("5 in flight")
        terminal.process.send_signal(signal.SIGTSTP)
        terminal.until_gone("in flight")
        nothing_is_left(terminal)
        os.waitid(os.P_PID, terminal.process.pid, os.WSTOPPED)
        terminal.process.send_signal(signal.SIGCONT)
        terminal.until("5 in flight")
        let_go.set()
        assert terminal.ended() == 0
        nothing_is_left(terminal)
    assert in_waves.all_desired()
