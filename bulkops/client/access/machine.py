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
from collections.abc import Sequence
from pathlib import Path

from bulkops.errors import BulkopsError, unreadable
from bulkops.files import read_text
from bulkops.text import printable

MOST_OF_CREDENTIALS = 1 << 20
"""Bytes of a file with credentials."""

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
        done = subprocess.run(  # noqa: S603 - the program that the user's configuration names
            called,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=HELPER_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise BulkopsError(
            f"{shown} took longer than {HELPER_SECONDS:.0f} s and was stopped: run it yourself to "
            "see what it waits for, or set TFE_TOKEN"
        ) from None
    except OSError as error:
        raise BulkopsError(f"{shown} can't be run: {error.strerror}") from None
    except ValueError:
        raise BulkopsError(f"{shown} can't be run: one of its args contains NUL") from None
    if done.returncode < 0:
        raise BulkopsError(f"{shown} was ended by signal {-done.returncode}")
    if done.returncode:
        reason = printable(done.stderr.decode(errors="replace").strip()) or "it does not say why"
        raise BulkopsError(f"{shown} failed with exit code {done.returncode}: {reason}")
    return done.stdout.decode(errors="replace")
