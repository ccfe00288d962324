"""``jobs/bulkops@.service``, its timer and ``jobs/bulkops.cron``: valid, and really run."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path
from typing import NamedTuple

import pytest

from bulkops.api.messages import Request
from bulkops.errors import ExitCode
from bulkops.simulator.state import Entitlements
from tests.cli.support import TASK, TOKEN, Done, World
from tests.pipelines.running import Strike, execute

pytestmark = pytest.mark.long

JOBS = Path(__file__).resolve().parents[2] / "jobs"
PROGRAMS = Path(sys.executable).parent
NAME = "require-security-scan"
PAUSES = ("[pace]", '[rollout]\nwaves = ["1"]\npause = "manual"\n\n[pace]')
SLOWLY = ("[pace]", "[pace]\nmax_at_once = 2")
KILLED = Strike(signal.SIGKILL, write=5)
SOUGHT = ("/opt/bulkops/bin", "/etc/bulkops", "/var/lib/bulkops")


def _unit(name: str) -> RawConfigParser:
    unit = RawConfigParser(delimiters="=", comment_prefixes="#", strict=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign] # as configparser documents it
    unit.read(JOBS / name, encoding="utf-8")
    return unit


SERVICE = _unit("bulkops@.service")["Service"]
UNIT = _unit("bulkops@.service")["Unit"]


def _seconds(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([sh])", text).groups()  # type: ignore[union-attr] # else it fails
    return int(number) * {"s": 1, "h": 3600}[unit]


def _codes(key: str) -> set[int]:
    return {int(word) for word in SERVICE[key].split()}


class Started(NamedTuple):
    """The result of a start of the service: each attempt's exit code, and the last result."""

    codes: list[int]
    last: Done


class Machine:
    """A machine with bulkops, the folders that the files name, and an organization."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.etc, self.state = folder / "etc", folder / "state"
        self.etc.mkdir()
        self.state.mkdir(mode=0o700)
        lines = [f"TFE_TOKEN={TOKEN}", f"TFE_ADDRESS={world.address}"]
        (self.etc / "token.env").write_text("\n".join([*lines, ""]), encoding="utf-8")
        self.job(SLOWLY)

    def job(self, *changes: tuple[str, str]) -> None:
        """Write the job file, with some of its text replaced."""
        shutil.copy(self.world.job(*changes), self.etc / f"{NAME}.toml")

    def here(self, text: str) -> str:
        """Return a text with this machine's folders."""
        places = (PROGRAMS, self.etc, self.state)
        for sought, place in zip(SOUGHT, places, strict=True):
            text = text.replace(sought, str(place))
        return text

    def once(self, *more: str, instead: str = "--yes", strike: Strike | None = None) -> Done:
        """Run the service's command as systemd does."""
        assert SERVICE["WorkingDirectory"] == f"%S/{SERVICE['StateDirectory']}"
        words = self.here(SERVICE["ExecStart"].replace("%i", NAME)).split()
        words[words.index("--yes")] = instead
        file = Path(self.here(SERVICE["EnvironmentFile"])).read_text(encoding="utf-8")
        environment = dict(line.split("=", 1) for line in file.splitlines())
        return execute(
            self.world,
            [*words, *more],
            folder=self.state,
            environment={**environment, "HOME": "/nonexistent"},
            strike=strike,
        )

    def start(self, strike: Strike | None = None) -> Started:
        """Start the service; only its first attempt gets the signal."""
        codes = list[int]()
        while True:
            last = self.once(strike=None if codes else strike)
            codes.append(last.code)
            passed = last.code in _codes("SuccessExitStatus") | {0}
            ended = passed or last.code in _codes("RestartPreventExitStatus")
            if ended or len(codes) == int(UNIT["StartLimitBurst"]):
                return Started(codes, last)

    def cron(self, strike: Strike | None = None) -> Done:
        """Run the command of the crontab as cron does."""
        lines = (JOBS / "bulkops.cron").read_text(encoding="utf-8").splitlines()
        (entry,) = [line for line in lines if re.match(r"[\d*]", line)]
        *when, user, command = entry.split(maxsplit=6)
        assert len(when) == 5
        assert user == SERVICE["User"]
        assert "%" not in command, "cron takes it for the end of the line"
        assert "SHELL=/bin/sh" in lines
        return execute(
            self.world,
            ["/bin/sh", "-c", self.here(command)],
            folder=self.etc,
            environment={"HOME": "/nonexistent", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"},
            strike=strike,
        )


@pytest.fixture
def machine(world: World, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A folder outside the world's, in which no file may contain the token."""
    return Machine(world, tmp_path_factory.mktemp("machine"))


def _all_done_once(world: World) -> bool:
    return world.all_desired() and set(world.changed().values()) == {1}


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """``systemd-analyze verify`` reports no unknown key and no invalid value."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed: apt-get install systemd")
    for name in ("bulkops@.service", "bulkops@.timer"):
        text = (JOBS / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("/opt/bulkops/bin", str(PROGRAMS)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "./bulkops@.service", "./bulkops@.timer"],  # noqa: S607 - looked up above
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_exit_code_is_decided() -> None:
    """Each counts as success, as failure or as a reason to retry; the head lists the latter."""
    good, final = _codes("SuccessExitStatus"), _codes("RestartPreventExitStatus")
    assert not good & final
    assert good == {ExitCode.HUNG_UP, ExitCode.INTERRUPTED, ExitCode.TERMINATED}
    assert set(ExitCode) - good - final - {ExitCode.DONE} == {1, 5, 11, 14}
    assert SERVICE["Restart"] == "on-failure"
    text = (JOBS / "bulkops@.service").read_text(encoding="utf-8")
    assert "such as 1, 5, 11, 14 and a kill" in text


def test_the_time_limits_allow_draining_and_end_retries() -> None:
    """The stop timeout exceeds the drain time, and all attempts fit into the limit's hour."""
    drain = int(SERVICE["ExecStart"].partition("--drain-timeout=")[2])
    assert drain + 10 < _seconds(SERVICE["TimeoutStopSec"])
    attempts = int(UNIT["StartLimitBurst"]) * _seconds(SERVICE["RestartSec"])
    assert attempts < _seconds(UNIT["StartLimitIntervalSec"])


def test_the_token_is_in_a_file_of_its_own() -> None:
    """The file has mode 0600; no unit, crontab or command line has the token."""
    for name in ("bulkops@.service", "bulkops@.timer", "bulkops.cron"):
        lines = (JOBS / name).read_text(encoding="utf-8").splitlines()
        assert not [line for line in lines if "TFE_TOKEN" in line and not line.startswith("#")]
    head = (JOBS / "bulkops@.service").read_text(encoding="utf-8")
    assert f"install --mode=0600 --owner={SERVICE['User']} /dev/null /etc/bulkops/token.env" in head
    assert f"--property=EnvironmentFile={SERVICE['EnvironmentFile']}" in head


def test_a_killed_job_is_resumed_immediately(machine: Machine) -> None:
    """systemd starts it again, and every change is made once."""
    started = machine.start(KILLED)
    assert started.codes == [-signal.SIGKILL, 0]
    assert "Resuming" in started.last.err
    assert _all_done_once(machine.world)


def test_a_stop_is_not_a_failure_and_the_next_start_resumes(machine: Machine) -> None:
    """As on shutdown, operations in flight are finished, and systemd does not restart it."""
    assert machine.start(Strike(signal.SIGTERM, write=5)).codes == [ExitCode.TERMINATED]
    assert machine.world.writes < 12
    assert machine.start().codes == [0]
    assert _all_done_once(machine.world)


def test_the_next_night_corrects_drift(machine: Machine) -> None:
    """The finished journal stays; a new one starts for what differs now."""
    assert machine.start().codes == [0]
    assert machine.start().codes == [0]
    assert machine.world.writes == 12
    machine.world.simulator.detach("prod-003", TASK)
    assert machine.start().codes == [0]
    assert machine.world.all_desired()
    assert len(list(machine.state.rglob("*.jsonl"))) == 2


def test_a_pause_waits_for_the_user(machine: Machine) -> None:
    """The next night does not continue past it; ``--continue`` by hand does."""
    machine.job(PAUSES)
    for _night in range(2):
        assert machine.start().codes == [ExitCode.PAUSED]
        assert machine.world.writes == 1
    assert machine.once("--continue").code == 0
    assert _all_done_once(machine.world)


def test_failed_operations_are_left_to_the_user(machine: Machine) -> None:
    """Exit 3 is not retried within the night."""
    machine.job(SLOWLY, ("[pace]", "[rollout]\nmax_failures = 5\n\n[pace]"))
    acme = machine.world.simulator.world.organizations["acme"]

    def shrink(request: Request) -> None:
        if request.writes:
            acme.entitlements = Entitlements(run_task_workspace_limit=10)

    machine.world.simulator.before = shrink
    assert machine.start().codes == [ExitCode.UNFULFILLED]


def test_an_outage_is_retried(machine: Machine) -> None:
    """Up to the start limit; the next night does the rest."""
    file = machine.etc / "token.env"
    before = file.read_text(encoding="utf-8")
    file.write_text(before.replace(machine.world.address, "http://127.0.0.1:9"), encoding="utf-8")
    assert machine.start().codes == [ExitCode.ERROR] * int(UNIT["StartLimitBurst"])
    file.write_text(before, encoding="utf-8")
    assert machine.start().codes == [0]


def test_a_destructive_job_needs_its_confirmation(machine: Machine) -> None:
    """With ``--yes`` it exits 2; ``--confirm=NAME`` in its place starts and resumes it."""
    for name in machine.world.shown():
        machine.world.simulator.attach(name, TASK, enforcement_level="mandatory")
    detach = ('kind = "attach"', 'kind = "detach"')
    machine.job(detach, ('enforcement_level = "mandatory"\n', ""), SLOWLY)
    assert machine.start().codes == [ExitCode.USAGE]
    confirm = f"--confirm={TASK}"
    assert machine.once(instead=confirm, strike=KILLED).code == -signal.SIGKILL
    assert machine.once(instead=confirm).code == 0
    assert not any(machine.world.shown().values())


def test_cron_resumes_a_job_killed_the_night_before(machine: Machine) -> None:
    """The next night runs the same command, with the token from the file."""
    assert machine.cron(KILLED).code == -signal.SIGKILL
    done = machine.cron()
    assert done.code == 0
    assert "Resuming" in done.err
    assert _all_done_once(machine.world)
