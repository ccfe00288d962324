"""Facts about a server, from the headers of ``GET /ping``. Pure.

The headers are ``X-RateLimit-Limit``, ``TFP-AppName`` and, on Terraform Enterprise,
``X-TFE-Version`` (``v202408-1``; some servers leave out the ``v``) or since 1.0
``X-TFE-Current-Version`` (``1.0.3``). The releases that introduced
each stage are from the API page "Run Tasks" and the Terraform provider's changelog.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from bulkops.api.rate_limit import limit_of
from bulkops.api.resources import STAGES
from bulkops.text import printable

_MONTHLY = re.compile(r"v?(\d{6})-(\d+)")
_STAGES_SINCE = (202404, 1)
_POST_APPLY_SINCE = (202402, 1)


class ServerInfo(msgspec.Struct, frozen=True):
    """Facts about the server.

    Attributes:
        version: the version of Terraform Enterprise; empty on HCP Terraform.
        limit: this user's limit in requests per second, ``None`` if the server announces none
            (see ``rate_limit.limit_of``).
        single_stage: whether it supports only ``stage``, one per attachment.
        stages: the stages it supports.
    """

    version: str = ""
    limit: float | None = None
    single_stage: bool = False
    stages: tuple[str, ...] = STAGES


def server_info(headers: Mapping[str, str]) -> ServerInfo:
    """Return the facts in the headers (lower-case names) of an answer to ``/ping``."""
    value = headers.get("x-tfe-version") or headers.get("x-tfe-current-version") or ""
    version = printable(value, 50)
    monthly = _MONTHLY.fullmatch(version)
    release = (int(monthly[1]), int(monthly[2])) if monthly else None
    has_post_apply = release is None or release >= _POST_APPLY_SINCE
    return ServerInfo(
        version=version,
        limit=limit_of(headers),
        single_stage=release is not None and release < _STAGES_SINCE,
        stages=STAGES if has_post_apply else tuple(s for s in STAGES if s != "post_apply"),
    )
