"""A gate's environment, and which files its command needs."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bulkops.errors import JobError
from bulkops.job.file import check_gate, load_job
from bulkops.job.gate import GateCall, Needed, gate_environment, needed_by
from bulkops.job.job import job_from_builtins
from tests.job.test_rollout import DOCUMENT

WITHHELD = [
    *("TFE_TOKEN", "TF_TOKEN_app_terraform_io", "TF_TOKEN_tfe__1_example_com", "TFC_TOKEN"),
    *("TFC_WORKLOAD_IDENTITY_TOKEN", "TFE_TEAM_TOKEN", "ATLAS_TOKEN", "AWS_SECRET_ACCESS_KEY"),
    *("AWS_SESSION_TOKEN", "AWS_PROFILE", "AZURE_CLIENT_SECRET", "ARM_CLIENT_SECRET"),
    *("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CREDENTIALS", "SCANNER_KEY"),
    *("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"),
]
GIVEN = [
    *("PATH", "HOME", "TFE_ADDRESS", "TFE_ORGANIZATION", "HTTPS_PROXY", "NO_PROXY", "CI"),
    *("GITHUB_TOKEN", "MY_AWS_KEY", "TF_LOG", "BULKOPS_DEBUG", "OTHER_KEY"),
    *("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SERVICE_NAME", "TRACEPARENT"),
]


@pytest.mark.parametrize("name", WITHHELD)
def test_credentials_are_withheld(name: str) -> None:
    """A gate gets no tokens, cloud credentials or HMAC key, unless gate_env names them."""
    environ = {name: "secret", "PATH": "/bin"}
    call = GateCall("check", {}, secrets=frozenset(["SCANNER_KEY"]))
    assert gate_environment(environ, call) == {"PATH": "/bin"}
    named = msgspec.structs.replace(call, kept=(name, "NOT_SET"))
    assert gate_environment(environ, named) == environ


@pytest.mark.parametrize("name", GIVEN)
def test_all_other_variables_are_passed(name: str) -> None:
    """A gate gets all other variables; the BULKOPS_ ones replace those of the environment."""
    call = GateCall("check", {"BULKOPS_WAVE": "2"}, secrets=frozenset(["SCANNER_KEY"]))
    environ = {name: "1", "BULKOPS_WAVE": "7"}
    assert gate_environment(environ, call) == {name: "1", "BULKOPS_WAVE": "2"}


def runs(word: str) -> Needed:
    """Return a program."""
    return Needed(word, runs=True)


def read(word: str) -> Needed:
    """Return a script that is only read."""
    return Needed(word, runs=False)


COMMANDS = {
    "./check.sh": [runs("./check.sh")],
    "  ./check.sh --quick\n": [runs("./check.sh")],
    "scripts/check.sh && echo fine": [runs("scripts/check.sh")],
    "./check.sh; echo $?": [runs("./check.sh")],
    "./check.sh>log": [runs("./check.sh")],
    "./check.sh|tee log": [runs("./check.sh")],
    "'./my check.sh' one": [runs("./my check.sh")],
    r"./my\ check.sh": [runs("./my check.sh")],
    "/opt/check": [runs("/opt/check")],
    "promtool check": [runs("promtool")],
    "LEVEL=1 QUICK= ./check.sh": [runs("./check.sh")],
    "PATH=/opt/bin promtool": [],
    "PATH=/opt/bin ./check.sh": [runs("./check.sh")],
    "exec ./check.sh": [runs("./check.sh")],
    "env LEVEL=1 ./check.sh": [runs("./check.sh")],
    "env -i ./check.sh": [],
    "sh check.sh --quick": [runs("sh"), read("check.sh")],
    "/bin/bash ./check.sh": [runs("/bin/bash"), read("./check.sh")],
    "python3.12 tools/check.py": [runs("python3.12"), read("tools/check.py")],
    "python3 -m check": [runs("python3")],
    "bash -c 'exit 0'": [runs("bash")],
    "sh": [runs("sh")],
    "sh <check.sh": [runs("sh")],
    'python3 "$CHECK"': [runs("python3")],
    ". ./check.sh": [read("./check.sh")],
    ". check.sh": [],
    "./check.sh\n./another.sh": [runs("./check.sh")],
    "python3 - <<'E'\nprint('it''s')\nE": [runs("python3")],
    "cd tools && ./check.sh": [],
    "test -e go || exit 75": [],
    "[ -e go ]": [],
    "! ./check.sh": [runs("./check.sh")],
    "if ./check.sh; then exit 0; fi": [],
    "(cd tools; ./check.sh)": [],
    "check() { true; }; check": [],
    "$CHECK": [],
    "${CHECK:-./check.sh}": [],
    "`which check`": [],
    "X=$(date) ./check.sh": [],
    "~/check.sh": [],
    "./check-*.sh": [],
    "# a comment\n./check.sh": [],
    "echo 'not\nended here'": [],
    '"': [],
    "": [],
    "exec": [],
    "LEVEL=1": [],
    ">log ./check.sh": [],
}


@pytest.mark.parametrize(("command", "needed"), COMMANDS.items())
def test_what_a_command_needs(command: str, needed: list[Needed]) -> None:
    """Only files that a command certainly needs are found, not what the shell decides later."""
    assert needed_by(command) == needed


def write_job(folder: Path, gate: str, more: str = "") -> Path:
    """Write a job file with a gate."""
    path = folder / "job.toml"
    operation = '[operation]\nkind = "attach"\ntask = "scan"\nenforcement_level = "advisory"\n'
    path.write_text(
        f'name = "scan"\norganization = "acme"\n{operation}'
        f"[select]\nall = true\n[rollout]\ngate = '''{gate}'''\n{more}",
        encoding="utf-8",
    )
    return path


def test_a_jobs_folder_is_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job's folder is absolute and not part of its digest."""
    monkeypatch.chdir(tmp_path)
    path = write_job(tmp_path, "true")
    job = load_job(path.name)
    assert job.folder == str(tmp_path)
    assert job.digest == msgspec.structs.replace(job, folder="/elsewhere").digest


def mode(path: Path, bits: int) -> None:
    """Write a script with these permissions."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    path.chmod(bits)


REFUSED = {
    "./missing.sh": "/missing.sh does not exist",
    "tools/missing.sh && true": "/tools/missing.sh does not exist",
    "sh missing.sh": "missing.sh is not in ",
    "sh ./missing.sh": "/missing.sh does not exist",
    ". ./missing.sh": "/missing.sh does not exist",
    "./plain.sh": "/plain.sh is not executable: chmod +x it",
    "./tools": "/tools is a folder, not a program",
    "plain.sh": "plain.sh is not on the PATH: to run the one beside the job file, write ./plain.sh",
    "no-such-command-anywhere": "no-such-command-anywhere is not on the PATH",
    "/no/such/check": "/no/such/check does not exist",
}


@pytest.mark.parametrize(("gate", "problem"), REFUSED.items())
def test_a_missing_file_is_named(tmp_path: Path, gate: str, problem: str) -> None:
    """The error names the file with its folder, and what is wrong with it."""
    mode(tmp_path / "plain.sh", 0o644)
    mode(tmp_path / "tools" / "check.sh", 0o755)
    path = write_job(tmp_path, gate)
    with pytest.raises(JobError) as refused:
        check_gate(load_job(path), "job.toml")
    assert str(refused.value).startswith(f"job.toml: rollout.gate = {gate}: ")
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    "gate", ["./check.sh", "tools/../check.sh", "sh plain.sh", ". ./plain.sh", "sh", "cd x && y"]
)
def test_existing_files_and_unknown_commands_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gate: str
) -> None:
    """Paths are relative to the job file's folder, wherever bulkops is started."""
    mode(tmp_path / "check.sh", 0o755)
    mode(tmp_path / "plain.sh", 0o644)
    mode(tmp_path / "tools" / "check.sh", 0o755)
    path = write_job(tmp_path, gate)
    monkeypatch.chdir("/")
    check_gate(load_job(path))


def test_a_relative_path_variable_is_relative_to_the_job_files_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative PATH entry is resolved in the gate's folder, as the gate's shell does."""
    mode(tmp_path / "tools" / "check", 0o755)
    monkeypatch.setenv("PATH", "tools:/bin")
    monkeypatch.chdir("/")
    check_gate(load_job(write_job(tmp_path, "check")))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The error says what to do; a job without a gate needs no folder."""
    job = load_job(write_job(tmp_path, "true"))
    gone = msgspec.structs.replace(job, folder=str(tmp_path / "gone"))
    with pytest.raises(JobError, match=r"folder .*/gone, which doesn't exist: create it"):
        check_gate(gone)
    check_gate(msgspec.structs.replace(gone, rollout=job.rollout.effective("bulkops-1")))


def test_a_folder_with_a_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    """A journal can't hold such a name, since JSON is UTF-8."""
    folder = Path(str(tmp_path) + "/\udcff")
    folder.mkdir()
    job = load_job(write_job(folder, "true"))
    with pytest.raises(JobError, match="not valid UTF-8: rename it"):
        check_gate(job)


@pytest.mark.parametrize(
    ("rollout", "problem"),
    [
        ({"gate_env": ["TFE TOKEN"]}, "gate_env[0]"),
        ({"gate_env": ["TFE_TOKEN=x"]}, "gate_env[0]"),
        ({"gate_env": [""]}, "gate_env[0]"),
        ({"gate_env": "TFE_TOKEN"}, "gate_env"),
        ({"gate_timeout": "soon"}, "gate_timeout"),
        ({"gate_timeout": "0s"}, 'gate_timeout = "0s": not a duration'),
        ({"gate_timeout": "manual"}, "gate_timeout"),
    ],
)
def test_a_wrong_variable_or_timeout_is_refused(rollout: dict[str, object], problem: str) -> None:
    """The error names the field and what is allowed."""
    with pytest.raises(JobError) as refused:
        job_from_builtins({**DOCUMENT, "rollout": {"gate": "check", **rollout}})
    assert problem in str(refused.value)


def test_gate_env_and_gate_timeout_are_not_in_the_digest() -> None:
    """A job with another gate_env or gate_timeout resumes with the same journal."""
    plain = job_from_builtins({**DOCUMENT, "rollout": {"gate": "check"}})
    more = {"gate": "./other", "gate_env": ["TFE_TOKEN"], "gate_timeout": "5m"}
    assert job_from_builtins({**DOCUMENT, "rollout": more}).digest == plain.digest
    assert plain.rollout.gate_timeout == "1h"
