"""A real HTTP proxy, proxy.py, in a separate process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS = 60.0
"""The time after which a proxy that hasn't started fails its test."""


def elsewhere(address: str) -> str:
    """Return a local server's address in a form that isn't recognized as local.

    On Linux and macOS, a connection to 0.0.0.0 reaches 127.0.0.1.
    """
    return address.replace("127.0.0.1", "0.0.0.0")  # noqa: S104 - connected to, not listened at


@contextmanager
def real_proxy(folder: Path, *options: str) -> Iterator[int]:
    """Run proxy.py with all its files in a folder; yields its port."""
    port_file = folder / "port"
    words = ["--hostname", "127.0.0.1", "--port", "0", "--port-file", str(port_file)]
    words += ["--num-workers", "1", "--num-acceptors", "1", "--log-level", "ERROR", *options]
    with subprocess.Popen(
        [sys.executable, "-m", "proxy", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # It creates its folders in the home folder, whatever its options are.
        env={**os.environ, "HOME": str(folder), "TMPDIR": str(folder)},
    ) as process:
        yield _port_in(port_file, process)
        process.terminate()


def _port_in(file: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if file.exists() and (text := file.read_text().strip()):
            return int(text.split()[0])
        assert process.poll() is None, "proxy.py did not start"
        time.sleep(0.02)  # the start of another process can only be polled
    raise TimeoutError("proxy.py did not start")
