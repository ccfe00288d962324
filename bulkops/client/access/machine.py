"""The machine that bulkops runs on: files with credentials, and a credentials helper's program.

A helper gets the environment, as from Terraform, and no input. What it prints to stdout is never
shown; what it prints to stderr is, if it fails.
"""

from __future__ import annotations

import os
import platform
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import IO

from bulkops.errors import BulkopsError, unreadable
from bulkops.files import read_text
from bulkops.text import printable

MOST_OF_CREDENTIALS = 1 << 20
"""Bytes of a file with credentials, and of what a helper prints."""

HELPER_SECONDS = 60.0
"""How long a helper may take: it may have to ask a person to unlock a password store."""

_GO_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}


class ThisMachine:
    """Reads files, and asks a program at most once for each host (see ``Machine``)."""

    def __init__(self) -> None:
        self.system = f"{sys.platform}_{_GO_NAMES.get(platform.machine(), platform.machine())}"
        self._answers: dict[tuple[str, ...], str] = {}

    def read_text(self, path: Path) -> str | None:
        """Return the text of a file with credentials; ``None`` if there is none.

        Raises:
            BulkopsError: it can't be read.
        """
        if path == Path(os.devnull):
            # TF_CLI_CONFIG_FILE=/dev/null means no configuration.
            return None
        try:
            return read_text(path, MOST_OF_CREDENTIALS)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise BulkopsError(unreadable(path, error)) from error

    def names_in(self, folder: Path) -> list[str]:
        """Return the names in a folder; none if it can't be listed."""
        try:
            return [file.name for file in folder.iterdir()]
        except OSError:
            return []

    def answer_of(self, program: Path, arguments: Sequence[str]) -> str | None:
        """Return what a program prints, ``None`` if it does not exist; it runs only once.

        Raises:
            BulkopsError: other users could have written it, it can't be run, fails, or takes more
                than ``HELPER_SECONDS``.
        """
        called = (str(program), *arguments)
        if called not in self._answers:
            if not program.is_file():
                return None
            _check_not_shared(program)
            self._answers[called] = _printed_by(called)
        return self._answers[called]


def _check_not_shared(program: Path) -> None:
    status = program.stat()
    if sys.platform != "win32" and (
        status.st_mode & stat.S_IWOTH or status.st_uid not in (0, os.geteuid())
    ):
        raise BulkopsError(
            f"{program}: everyone can write it, or another user owns it, so it was not run: "
            f"chown and chmod o-w {program}"
        )


def _printed_by(called: tuple[str, ...]) -> str:
    shown = f"the credentials helper {called[0]} (get {called[-1]})"
    try:
        process = subprocess.Popen(  # noqa: S603 - the program that the user's configuration names
            called,
            # Not the process's own, of which a part is hidden for moments (``bucket.hidden``).
            env=os.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        raise BulkopsError(f"{shown} can't be run: {error.strerror}") from None
    except ValueError:
        raise BulkopsError(f"{shown} can't be run: one of its args contains NUL") from None
    out, err = (_Printed(process, stream) for stream in (process.stdout, process.stderr))
    is_late = not _ended(process, out, err)
    if out.too_much or err.too_much:
        raise BulkopsError(
            f"{shown} printed more than {MOST_OF_CREDENTIALS >> 20} MiB and was stopped: run it "
            "yourself to see what it prints, or set TFE_TOKEN"
        )
    if is_late:
        raise BulkopsError(
            f"{shown} took longer than {HELPER_SECONDS:.0f} s and was stopped: run it yourself to "
            "see what it waits for, or set TFE_TOKEN"
        )
    if process.returncode < 0:
        raise BulkopsError(f"{shown} was ended by signal {-process.returncode}")
    if process.returncode:
        reason = printable(err.text.strip()) or "it does not say why"
        raise BulkopsError(f"{shown} failed with exit code {process.returncode}: {reason}")
    return out.text


class _Printed(Thread):
    """Reads what a program prints, and kills the program if that is too much.

    Attributes:
        text: all of it, once the thread has ended.
    """

    text = ""
    too_much = False

    def __init__(self, process: subprocess.Popen[bytes], stream: IO[bytes] | None) -> None:
        # A process that the program has left behind may keep the stream open for ever.
        super().__init__(daemon=True)
        self._process = process
        self._stream = stream
        self.start()

    def run(self) -> None:
        """See ``Thread``."""
        if self._stream is None:
            return
        with self._stream as stream:
            data = stream.read(MOST_OF_CREDENTIALS + 1)
            self.too_much = len(data) > MOST_OF_CREDENTIALS
            if self.too_much:
                self._process.kill()
        self.text = data.decode(errors="replace")


def _ended(process: subprocess.Popen[bytes], *printed: _Printed) -> bool:
    """Return whether a program has ended in time; it is killed if not."""
    deadline = time.monotonic() + HELPER_SECONDS
    try:
        for one in printed:
            one.join(max(0.0, deadline - time.monotonic()))
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    finally:
        # Also if a signal ends the waiting.
        process.kill()
        process.wait()
    return not any(one.is_alive() for one in printed)
