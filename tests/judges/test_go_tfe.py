"""The requests of go-tfe's own tests, replayed in their order.

``go_tfe.jsonl`` has what go-tfe v1.109.0 sent to the simulator when these of its integration tests
passed: all that need a server of the 17 for run tasks, and some for organizations, projects,
workspaces, tags and users.
"""

from __future__ import annotations

from typing import Final

import pytest

from tests.judges.replay import Judge, Replay, recorded

RECORDED: Final = recorded("go_tfe.jsonl")


@pytest.mark.parametrize("test", RECORDED)
def test_each_request_is_answered_as_when_go_tfes_test_passed(judge: Judge, test: str) -> None:
    """Every request gets the recorded status and message, in an answer that the OpenAPI allows."""
    Replay(judge).play(test, RECORDED[test])
