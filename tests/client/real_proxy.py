"""A real HTTP proxy, proxy.py, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS = 60.0
"""After which one that doesn't start fails its test."""


def elsewhere(address: str) -> str:
    """Return the address of a server of this machine, as one that is not known for it.

    Whoever connects to 0.0.0.0 comes to 127.0.0.1, on Linux and macOS.
    """
    return address.replace("127.0.0.1", "0.0.0.0")  # noqa: S104 - connected to, not listened at


@contextmanager
def real_proxy(folder: Path, *options: str) -> Iterator[int]:
    """Run proxy.py, whose files are all in a folder; yields its port."""
    port_file = folder / "port"
    words = ["--hostname", "127.0.0.1", "--port", "0", "--port-file", str(port_file)]
    words += ["--num-workers", "1", "--num-acceptors", "1", "--log-level", "ERROR", *options]
    with subprocess.Popen(
        [sys.executable, "-m", "proxy", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # It makes its folders in the home folder, whatever its options say.
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
        time.sleep(0.02)  # another process's start can only be polled for
    raise TimeoutError("proxy.py did not start")
