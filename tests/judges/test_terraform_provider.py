"""The requests of Terraform's own provider, replayed in their order.

``terraform_provider.jsonl`` has what terraform-provider-tfe v0.80.0 under Terraform 1.11.4 sent to
the simulator while every step succeeded: apply an organization with its default settings, an agent
pool, projects, workspaces with their settings, run tasks (also global ones) attached to one of
them, and data sources that read all of this; plan no change; change most of it, and plan no change;
import run task, global settings and workspace task; destroy everything.
"""

from __future__ import annotations

from typing import Final

import pytest

from tests.judges.replay import Judge, Replay, recorded

RECORDED: Final = recorded("terraform_provider.jsonl")


@pytest.mark.parametrize("test", RECORDED)
def test_each_request_is_answered_as_when_terraform_succeeded(judge: Judge, test: str) -> None:
    """Every request gets the recorded status, in an answer that the OpenAPI allows."""
    Replay(judge).play(test, RECORDED[test])
