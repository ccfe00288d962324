"""``[notify]``: who is told that the job has started, paused, stopped or finished. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bulkops.checking import allowed, fits, read_table
from bulkops.errors import JobError
from bulkops.operations.model import any_of


class Occasion(StrEnum):
    """What people are told."""

    STARTED = "started"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"


Occasions = Annotated[
    tuple[Literal["started", "paused", "stopped", "finished"], ...],
    Meta(min_length=1),
]
SecretVariable = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*\Z",
        description='the name of an environment variable such as "WEBHOOK"',
    ),
]

RECEIVERS = ("url_env", "apprise_env", "heartbeat_url_env")
"""The fields that name a receiver; a table needs at least one of them."""

VARIABLES = (*RECEIVERS, "hmac_key_env")
"""The fields that name a variable."""

RULE: dict[str, object] = {
    "anyOf": [{"maxProperties": 0}, any_of(*RECEIVERS)],
    "dependentRequired": {"hmac_key_env": ["url_env"]},
}
"""The checks across fields, as JSON Schema."""


class Notify(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``[notify]``: who is told that the job has started, paused, stopped or finished.

    Attributes:
        on: the events to send.
        url_env: the environment variable that holds the URL of a webhook, which gets a POST per
            event.
        hmac_key_env: the environment variable that holds the key with which each of these POSTs is
            signed; without it, they are not signed.
        apprise_env: the environment variable that holds Apprise URLs, separated by spaces or
            commas, for e-mail, Teams, PagerDuty and other services; needs ``bulkops[notify]``.
        heartbeat_url_env: the environment variable that holds a URL which gets a GET every minute
            while the job runs, for a service that raises an alarm when they stop.

    Raises:
        ValueError: there is a key, and no webhook.
    """

    on: Occasions = ("started", "paused", "stopped", "finished")
    url_env: SecretVariable | None = None
    hmac_key_env: SecretVariable | None = None
    apprise_env: SecretVariable | None = None
    heartbeat_url_env: SecretVariable | None = None

    def __post_init__(self) -> None:
        """Refuse a key without a webhook."""
        if self.hmac_key_env and not self.url_env:
            raise ValueError("`hmac_key_env` signs what a webhook gets: give `url_env`, too")

    @property
    def variables(self) -> frozenset[str]:
        """The environment variables that it names; all of them hold secrets."""
        named = (self.url_env, self.hmac_key_env, self.apprise_env, self.heartbeat_url_env)
        return frozenset(filter(None, named))


def read_notify(table: Mapping[str, object], source: str) -> Notify:
    """Return the ``[notify]`` table of a job file.

    Raises:
        JobError: as ``read_table``, or nobody would be told.
    """
    for name, value in table.items():
        if name in VARIABLES and isinstance(value, str) and not fits(value, SecretVariable):
            # Without the value: it may be the secret itself.
            raise JobError(
                f"{source}: notify.{name}: {allowed(SecretVariable)} belongs here, and what is "
                "secret into that variable"
            )
    notify = read_table(table, Notify, source, "notify")
    if table and not any(name in table for name in RECEIVERS):
        raise JobError(f"{source}: notify names no receiver: give {', '.join(RECEIVERS)}")
    return notify
