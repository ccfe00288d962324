"""Arguments and options that the commands about fleets share."""

from __future__ import annotations

import click

from bulkops.cli.options import CA_FILE, INSECURE_HTTP, PATH, Together
from bulkops.cli.run.open_fleet import FleetServer

FLEET = click.Argument(["fleet"], type=PATH, metavar="FLEET", help="The fleet file (TOML).")
SERVERS = Together("server", FleetServer, (CA_FILE, INSECURE_HTTP))
