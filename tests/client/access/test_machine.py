"""Files with credentials are read, and a credentials helper is run, as they really are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import bulkops.client.access.machine
from bulkops.client.access.machine import ThisMachine
from bulkops.errors import BulkopsError


def program(folder: Path, body: str, mode: int = 0o755) -> Path:
    """Return a shell script."""
    path = folder / "terraform-credentials-x"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(mode)
    return path


def test_a_byte_order_mark_is_not_part_of_a_file(tmp_path: Path) -> None:
    """Nor do Windows' line breaks matter; a missing file is none."""
    path = tmp_path / "credentials.tfrc.json"
    path.write_bytes("\ufeff{}\r\n".encode())
    assert ThisMachine().read_text(path) == "{}\n"
    assert ThisMachine().read_text(tmp_path / "none") is None
    assert ThisMachine().read_text(Path(os.devnull)) is None
    assert ThisMachine().read_text(path / "none") is None
    assert ThisMachine().names_in(tmp_path) == [path.name]
    assert ThisMachine().names_in(path) == []
    with pytest.raises(BulkopsError, match="can't be read: Is a directory"):
        ThisMachine().read_text(tmp_path)


def test_a_helper_is_run_once_without_a_shell(tmp_path: Path) -> None:
    """It gets its arguments as they are and no input; its answer is kept for the same host."""
    path = program(tmp_path, f'cat; echo "$#:$*"; echo run >> {tmp_path}/runs')
    machine = ThisMachine()
    assert machine.answer_of(path, ["$(id) `id`", "get", "a.com"]) == "3:$(id) `id` get a.com\n"
    assert machine.answer_of(path, ["$(id) `id`", "get", "a.com"]) == "3:$(id) `id` get a.com\n"
    assert (tmp_path / "runs").read_text() == "run\n"
    machine.answer_of(path, ["get", "b.com"])
    assert (tmp_path / "runs").read_text() == "run\nrun\n"
    assert machine.answer_of(tmp_path / "none", ["get", "a.com"]) is None


def test_a_helpers_failure_is_reported_with_its_reason(tmp_path: Path) -> None:
    """Its stderr is shown, as Terraform shows it, but never its stdout."""
    path = program(tmp_path, 'echo s3cret; printf "vault is\\033[1m sealed\\n" >&2; exit 3')
    with pytest.raises(BulkopsError) as caught:
        ThisMachine().answer_of(path, ["get", "a.com"])
    assert str(caught.value) == (
        f"the credentials helper {path} (get a.com) failed with exit code 3: vault is [1m sealed"
    )
    killed = program(tmp_path, "kill -9 $$")
    with pytest.raises(BulkopsError, match=r"\(get b\.com\) was ended by signal 9$"):
        ThisMachine().answer_of(killed, ["get", "b.com"])
    silent = program(tmp_path, "exit 1")
    with pytest.raises(BulkopsError, match="exit code 1: it does not say why"):
        ThisMachine().answer_of(silent, ["get", "a.com"])


def test_a_helper_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says how long it was given."""
    monkeypatch.setattr(bulkops.client.access.machine, "HELPER_SECONDS", 0.1)
    path = program(tmp_path, "exec sleep 60")
    with pytest.raises(BulkopsError, match="took longer than 0 s and was stopped"):
        ThisMachine().answer_of(path, ["get", "a.com"])


@pytest.mark.parametrize("where", ["", ">&2"], ids=["stdout", "stderr"])
def test_a_helper_that_prints_without_end_is_stopped(tmp_path: Path, where: str) -> None:
    """After 1 MiB, on either stream; nothing of that is shown."""
    path = program(tmp_path, f"exec yes s3cret {where}")
    with pytest.raises(BulkopsError) as caught:
        ThisMachine().answer_of(path, ["get", "a.com"])
    assert str(caught.value) == (
        f"the credentials helper {path} (get a.com) printed more than 1 MiB and was stopped: run "
        "it yourself to see what it prints, or set TFE_TOKEN"
    )


@pytest.mark.parametrize(
    ("body", "mode", "reason"),
    [
        ("exit", 0o644, "can't be run: Permission denied"),
        ("exit", 0o757, "everyone can write it, or another user owns it, so it was not run"),
    ],
)
def test_a_helper_that_cannot_or_must_not_run(
    tmp_path: Path, body: str, mode: int, reason: str
) -> None:
    """It must be executable, and only its owner's."""
    with pytest.raises(BulkopsError, match=reason):
        ThisMachine().answer_of(program(tmp_path, body, mode), ["get", "a.com"])


def test_an_argument_that_no_program_can_get_is_refused(tmp_path: Path) -> None:
    """HCL can write NUL, which ends a text in a program's arguments."""
    with pytest.raises(BulkopsError, match="can't be run: one of its args contains NUL"):
        ThisMachine().answer_of(program(tmp_path, "exit"), ["a\0b", "get", "a.com"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_helper_of_another_user_is_not_run(tmp_path: Path) -> None:
    """Another user could make it print any token, and do anything else."""
    path = program(tmp_path, "exit")
    os.chown(path, 12345, 12345)
    with pytest.raises(BulkopsError, match="another user owns it, so it was not run"):
        ThisMachine().answer_of(path, ["get", "a.com"])
