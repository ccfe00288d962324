"""Arguments and options that the commands about fleets share."""

from __future__ import annotations

import click

from bulkops.cli.options import CERTIFICATES, INSECURE_HTTP, Together
from bulkops.cli.run.open_fleet import FleetServer
from bulkops.cli.value_types import PATH

FLEET = click.Argument(["fleet"], type=PATH, metavar="FLEET", help="The fleet file (TOML).")
SHARD = click.Option(
    ["--shard"],
    metavar="I/N",
    help="Run only the shards of process I of N (from 1). [default: the index that Kubernetes, "
    "AWS Batch, Cloud Run, GitLab or Slurm sets, else all shards]",
)
SERVERS = Together("server", FleetServer, (*CERTIFICATES, INSECURE_HTTP))
