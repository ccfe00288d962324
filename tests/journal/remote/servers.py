"""Real object stores on free loopback ports: SeaweedFS, moto and Azure's emulator Azurite.

Each is a process of its own with a bucket in it, and ends with its context. SeaweedFS and moto
come from PyPI. Azurite is looked for on the PATH and in the folder that ``BULKOPS_AZURITE`` names
(``npm install azurite`` there); without it, its tests skip.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import quote, urlencode

import pytest

from bulkops.journal.remote.bucket.address import Address
from bulkops.journal.remote.bucket.clouds import EMULATOR, EMULATOR_KEY
from bulkops.journal.remote.bucket.opening import open_store
from bulkops.journal.remote.bucket.store import Store

SECONDS = 60.0
"""The time after which a server that hasn't started fails its test."""
BUCKET = "journals"

Environment = Mapping[str, str]

_VERSION = {"x-ms-version": "2021-12-02"}
"""Azure's emulator wants to know for which version of its API a request is."""


class Server(NamedTuple):
    """A running store.

    Attributes:
        env: the variables with which its bucket can be read and written.
        reader: those with which it can only be read; empty if the server doesn't know that.
        stranger: those with a wrong key; empty if the server checks no keys.
        by_content: whether a version names what an object contains, not when it was written.
        port: where it listens.
    """

    scheme: str
    port: int
    env: Environment
    reader: Environment = MappingProxyType({})
    stranger: Environment = MappingProxyType({})
    by_content: bool = True

    def address(self, path: str, bucket: str = BUCKET) -> Address:
        """Return the address of a path in the bucket."""
        return Address(self.scheme, bucket, path)

    def store(self, env: Environment | None = None, bucket: str = BUCKET) -> Store:
        """Return the bucket, opened with all rights unless other variables are given."""
        # SeaweedFS answers writes of one object one after the other, up to a second apart.
        return open_store(
            self.address("any", bucket), self.env if env is None else env, timeout=SECONDS
        )

    def behind(self, port: int) -> Server:
        """Return the same server, reached at another port of this machine."""

        def moved(env: Environment) -> Environment:
            here, there = f":{self.port}", f":{port}"
            return {name: value.replace(here, there) for name, value in env.items()}

        return self._replace(
            port=port,
            env=moved(self.env),
            reader=moved(self.reader),
            stranger=moved(self.stranger),
        )


def aws(port: int, key: str, secret: str) -> Environment:
    """Return the variables for an S3 server on this machine."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
    }


@contextmanager
def seaweedfs(folder: Path) -> Iterator[Server]:
    """Run SeaweedFS, with a writer that may put, get and list but not delete, and a reader."""
    rights = {"writer": ["Read", "Write", "List"], "reader": ["Read", "List"]}
    identities = [
        {
            "name": name,
            "credentials": [{"accessKey": name, "secretKey": f"{name}-secret"}],
            "actions": actions,
        }
        for name, actions in rights.items()
    ]
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": identities}))
    (folder / "data").mkdir()
    names = ("master", "volume", "filer", "s3")
    ports = free_ports(2 * len(names))
    web, grpc = ports[::2], ports[1::2]
    words = ["-s3", "-master.peers=none", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    words += [f"-dir={folder / 'data'}", f"-s3.config={config}", "-master.telemetry=false"]
    words += [f"-{name}.port={port}" for name, port in zip(names, web, strict=True)]
    words += [f"-{name}.port.grpc={port}" for name, port in zip(names, grpc, strict=True)]
    # Only what is asked for: these would listen on fixed ports.
    words += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false", "-volume.max=4"]
    with _running([_beside("weed"), "server", *words], folder):
        # A folder of the filer's is a bucket.
        _until(web[2], "POST", f"/buckets/{BUCKET}/")
        _until(web[3], "GET", f"/{BUCKET}", expected=range(200, 500))
        yield Server(
            "s3",
            web[3],
            env=aws(web[3], "writer", "writer-secret"),
            reader=aws(web[3], "reader", "reader-secret"),
            stranger=aws(web[3], "writer", "another-secret"),
        )


@contextmanager
def moto(folder: Path, policy: str = "") -> Iterator[Server]:
    """Run moto.

    Args:
        policy: what its only user may do; if it is empty, neither keys nor rights are checked.
    """
    (port,) = free_ports(1)
    start = "from moto.server import main; main()"
    if policy:
        # Those below, which make the bucket and the user.
        start = f"import os; os.environ['INITIAL_NO_AUTH_ACTION_COUNT'] = '4'; {start}"
    program = ["-c", start, "-H", "127.0.0.1", "-p", str(port)]
    with _running([sys.executable, *program], folder):
        _until(port, "PUT", f"/{BUCKET}")
        key, secret = _user_with(port, policy) if policy else ("any", "any")
        yield Server("s3", port, env=aws(port, key, secret))


def _user_with(port: int, policy: str) -> tuple[str, str]:
    """Make a user of moto with a policy; return the two parts of its key."""
    name = {"UserName": "bulkops", "Version": "2010-05-08"}
    calls: Sequence[dict[str, str]] = ({}, {"PolicyName": "any", "PolicyDocument": policy}, {})
    answer = ""
    for action, more in zip(("CreateUser", "PutUserPolicy", "CreateAccessKey"), calls, strict=True):
        connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        # Moto finds the service in the scope of the credentials.
        scope = "Credential=any/20260101/us-east-1/iam/aws4_request"
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=any",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        connection.request("POST", "/", urlencode({"Action": action, **name, **more}), headers)
        response = connection.getresponse()
        answer = response.read().decode()
        connection.close()
        if response.status != 200:
            raise ValueError(f"{action}: {response.status} {answer}")
    found = [
        re.search(rf"<{tag}>(.*?)</{tag}>", answer) for tag in ("AccessKeyId", "SecretAccessKey")
    ]
    key, secret = (match[1] if match else "" for match in found)
    return key, secret


@contextmanager
def azurite(folder: Path) -> Iterator[Server]:
    """Run Azurite, with a reader that has a shared access signature."""
    program = azurite_program()
    if program is None:
        pytest.skip("no Azurite: npm install azurite, and name its folder in BULKOPS_AZURITE")
    (port,) = free_ports(1)
    words = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence"]
    words += ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    env = {
        "AZURE_STORAGE_ACCOUNT": EMULATOR,
        "AZURE_STORAGE_SERVICE_ENDPOINT": f"http://127.0.0.1:{port}/{EMULATOR}",
    }
    with _running([*program, *words], folder):
        everything = signature("rwdlac", "sco")
        _until(port, "PUT", f"/{EMULATOR}/{BUCKET}?restype=container&{everything}")
        yield Server(
            "az",
            port,
            env={**env, "AZURE_STORAGE_KEY": EMULATOR_KEY},
            reader={**env, "AZURE_STORAGE_SAS_TOKEN": signature("rl", "co")},
            stranger={**env, "AZURE_STORAGE_KEY": base64.b64encode(b"another").decode()},
            by_content=False,
        )


def azurite_program() -> Sequence[str] | None:
    """Return the command that starts Azurite, ``None`` if it isn't installed."""
    name = "azurite-blob"
    folder = os.environ.get("BULKOPS_AZURITE")
    found = shutil.which(name, path=f"{folder}/node_modules/.bin") if folder else shutil.which(name)
    node = shutil.which("node")
    # The program itself is a script whose first line wants node on the PATH.
    return [node, found] if node and found else None


def signature(permissions: str, kinds: str) -> str:
    """Return a shared access signature for the emulator's account, as a query.

    Args:
        permissions: letters such as ``rl``: read, list.
        kinds: ``s``, ``c``, ``o``: service, containers, objects.
    """
    version, end = "2021-12-02", "2099-01-01T00:00:00Z"
    lines = [EMULATOR, permissions, "b", kinds, "", end, "", "", version, "", ""]
    key = base64.b64decode(EMULATOR_KEY)
    digest = hmac.new(key, "\n".join(lines).encode(), hashlib.sha256).digest()
    signed = quote(base64.b64encode(digest).decode(), safe="")
    return f"sv={version}&ss=b&srt={kinds}&sp={permissions}&se={quote(end)}&sig={signed}"


def _beside(program: str) -> str:
    """Return a program that was installed with this Python's packages."""
    found = shutil.which(program, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"no {program}: pip install -e '.[long]'")
    return found


def free_ports(number: int) -> list[int]:
    """Return ports on which nothing listens; another process may still take them."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@contextmanager
def _running(command: Sequence[str], folder: Path) -> Iterator[None]:
    """Run a server, and kill it in the end: nothing of it is needed any more."""
    with (
        (folder / "server.log").open("wb") as log,
        subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)},
        ) as process,
    ):
        try:
            yield
        finally:
            process.kill()


def _until(port: int, method: str, path: str, expected: range = range(200, 300)) -> None:
    """Send a request until its status is one of those expected."""
    deadline = time.monotonic() + SECONDS
    status: object = "no answer"
    while time.monotonic() < deadline:
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
            connection.request(method, path, headers={"Content-Length": "0", **_VERSION})
            status = connection.getresponse().status
            connection.close()
        except OSError as error:
            status = error
        if status in expected:
            return
        time.sleep(0.05)  # the start of another process can only be polled
    raise TimeoutError(f"{method} {path} at {port}: {status}")
