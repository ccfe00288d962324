"""A bucket for pipelines, and the runner's own ``aws``, of which ``aws s3 cp`` is imitated."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bulkops.journal.remote.lease.content import decoded
from tests.journal.remote.servers import BUCKET, Server
from tests.journal.remote.tiny_s3 import TinyS3, tiny_s3
from tests.pipelines.running import PATH

PLACE = f"s3://{BUCKET}/bulkops"
"""Below it is everything that a pipeline keeps."""

_AWS = f"""#!{sys.executable}
import http.client, os, sys
s3, cp, option, source, target = sys.argv[1:]
assert (s3, cp, option) == ("s3", "cp", "--only-show-errors")
assert os.environ["AWS_ACCESS_KEY_ID"], "no credentials"
server = http.client.HTTPConnection(os.environ["AWS_ENDPOINT_URL"].removeprefix("http://"))
if target.startswith("s3://"):
    server.request("PUT", target.removeprefix("s3:/"), open(source, "rb").read())
    sys.exit(server.getresponse().status != 200)
server.request("GET", source.removeprefix("s3:/"))
answer = server.getresponse()
if answer.status != 200:
    sys.exit("fatal error: An error occurred (404) when calling the HeadObject operation")
open(target, "wb").write(answer.read())
"""


class Bucket:
    """A bucket, and a folder with the program ``aws``."""

    def __init__(self, server: Server, held: TinyS3, programs: Path) -> None:
        self.server = server
        self.held = held
        self._programs = programs
        programs.mkdir(parents=True)
        (programs / "aws").write_text(_AWS, encoding="utf-8")
        (programs / "aws").chmod(0o755)

    def exported(self, region: str) -> dict[str, str]:
        """Return the variables of a process that has the bucket's credentials."""
        return {
            **self.server.env,
            "AWS_REGION": region,
            "PATH": f"{self._programs}{os.pathsep}{PATH}",
        }

    def names(self) -> list[str]:
        """Return what is below ``PLACE``."""
        return [name.removeprefix("bulkops/") for name in sorted(self.held.objects)]

    def expire(self) -> None:
        """Let the leases of killed processes expire: as if their 30 s were nearly over."""
        for name, data in self.held.objects.items():
            if name.endswith("/lease"):
                self.held.objects[name] = msgspec.structs.replace(decoded(data), ttl=0.1).encoded()


@contextmanager
def bucket_in(folder: Path) -> Iterator[Bucket]:
    """Serve an empty bucket."""
    with tiny_s3() as (server, held):
        yield Bucket(server, held, folder / "programs")
