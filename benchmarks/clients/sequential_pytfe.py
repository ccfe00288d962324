"""HashiCorp's Python client, pytfe, which is synchronous: one write after the other."""

from __future__ import annotations

import sys

from pytfe import TFEClient, TFEConfig

from benchmarks.attaching import attach
from benchmarks.case import TOKEN
from benchmarks.clients import Cost, plan_of, show
from bulkops.plan.model import Plan


def attach_all(address: str, plan: Plan) -> Cost:
    """Attach the run task to each workspace."""
    cost = Cost(len(plan.operations))
    # Without ca_bundle it uses SSL_CERT_FILE, in a way that httpx has deprecated.
    config = TFEConfig(address=address, token=TOKEN, ca_bundle=None)
    with TFEClient(config) as client, cost.measured():
        for operation in plan.operations:
            attach(client, plan, operation)
    return cost


if __name__ == "__main__":
    show(attach_all(sys.argv[1], plan_of(int(sys.argv[2]))))
