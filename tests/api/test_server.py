"""Facts about a server are read from the headers of ``GET /ping``."""

from __future__ import annotations

import pytest

from bulkops.api.resources import STAGES
from bulkops.api.server import ServerInfo, server_info

OLDER_STAGES = ("pre_plan", "post_plan", "pre_apply")


@pytest.mark.parametrize(
    ("headers", "info"),
    [
        ({}, ServerInfo()),
        ({"tfp-appname": "HCP Terraform", "x-ratelimit-limit": "30"}, ServerInfo(limit=30.0)),
        ({"x-tfe-version": "v202408-1"}, ServerInfo("v202408-1")),
        ({"x-tfe-version": "v202404-1"}, ServerInfo("v202404-1")),
        ({"x-tfe-version": "v202403-2"}, ServerInfo("v202403-2", single_stage=True)),
        ({"x-tfe-version": "v202402-1"}, ServerInfo("v202402-1", single_stage=True)),
        (
            {"x-tfe-version": "v202401-2"},
            ServerInfo("v202401-2", single_stage=True, stages=OLDER_STAGES),
        ),
        ({"x-tfe-version": "202403-2"}, ServerInfo("202403-2", single_stage=True)),
        ({"x-tfe-current-version": "1.0.3"}, ServerInfo("1.0.3")),
        ({"x-tfe-version": "something else"}, ServerInfo("something else")),
        ({"x-tfe-version": "\x1b[2Jv9\udcff"}, ServerInfo("[2Jv9")),
    ],
)
def test_a_version_tells_the_stages(headers: dict[str, str], info: ServerInfo) -> None:
    """v202404-1 added `stages`, v202402-1 post_apply; an unknown version counts as new."""
    assert server_info(headers) == info
    assert set(info.stages) <= set(STAGES)
