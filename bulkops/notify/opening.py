"""Finds the receivers that a job's ``[notify]`` names, and connects its execution to them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from bulkops.client.api import Client
from bulkops.client.transport import WebhookTransport
from bulkops.job.job import Job
from bulkops.log import Log
from bulkops.notify.delivery import ATTEMPT_SECONDS
from bulkops.notify.environment import SecretUrl, Unavailable, place_of, text_in, url_in
from bulkops.notify.notices import JobNotices, NextSteps, no_steps
from bulkops.notify.receivers import Absent, Heartbeat, Receiver, Webhook
from bulkops.notify.services import Service, services_of
from bulkops.operations.secret import HmacKey
from bulkops.runner.assignment import Observer

log = Log(__name__)

T = TypeVar("T")


class Signed(NamedTuple):
    """A webhook, and the key that signs what it gets, if there is one."""

    url: SecretUrl
    key: HmacKey | None


class Named(NamedTuple):
    """What a job's ``[notify]`` names, by the variable; each may be unavailable on this machine.

    Attributes:
        webhooks: get the messages; at most one.
        services: get the messages, too.
        heartbeats: get the heartbeats; at most one.
    """

    webhooks: dict[str, Signed | Unavailable]
    services: dict[str, list[Service] | Unavailable]
    heartbeats: dict[str, SecretUrl | Unavailable]

    @property
    def unavailable(self) -> dict[str, Unavailable]:
        """Those that nothing can be sent to."""
        every = {**self.webhooks, **self.services, **self.heartbeats}
        return {name: one for name, one in every.items() if isinstance(one, Unavailable)}


def check_notify(job: Job, *, begun: bool = False) -> None:
    """Check what a job's ``[notify]`` names, before anything is sent.

    Args:
        begun: the job is resumed or undone. What this machine lacks is a warning then: whoever does
            that at night may not have the secrets of the machine that started it.

    Raises:
        Unavailable: this machine lacks what one of the receivers needs.
        JobError: a variable holds something else than it must.
    """
    for variable, error in _named(job).unavailable.items():
        if not begun:
            raise error
        facts = {"receiver": variable, "reason": error.reason, "remedy": error.remedy}
        log.warning("receiver_unavailable", extra=facts)


def notifying(
    observer: Observer,
    job: Job,
    client: Client,
    *,
    next_steps: NextSteps = no_steps,
    shard: str = "",
) -> Observer:
    """Return the observer, which also tells whom the job's ``[notify]`` names.

    Args:
        client: the job's; its clock and its authorities apply, its token is not sent.
        next_steps, shard: see ``JobNotices``.

    Raises:
        JobError: see ``check_notify``.
    """
    named = _named(job)
    connections = []

    def connection(url: SecretUrl) -> WebhookTransport:
        transport = WebhookTransport(
            url.address, ca_file=client.ca_file, answer_seconds=ATTEMPT_SECONDS
        )
        connections.append(transport)
        return transport

    receivers: list[Receiver | Absent] = []
    for variable, webhook in named.webhooks.items():
        if isinstance(webhook, Unavailable):
            receivers.append(Absent(variable, webhook.reason))
        else:
            receivers.append(Webhook(webhook.url, connection(webhook.url), webhook.key))
    for variable, services in named.services.items():
        if isinstance(services, Unavailable):
            receivers.append(Absent(variable, services.reason))
        else:
            receivers += services
    beats: Heartbeat | Absent | None = None
    for variable, url in named.heartbeats.items():
        if isinstance(url, Unavailable):
            beats = Absent(variable, url.reason)
        else:
            beats = Heartbeat(url, connection(url))
    if not receivers and beats is None:
        return observer
    notices = JobNotices(
        job.notify.on,
        receivers,
        client.clock,
        heartbeat=beats,
        connections=connections,
        next_steps=next_steps,
        shard=shard,
    )
    return replace(observer, notices=notices)


def _named(job: Job) -> Named:
    """Return what a job's ``[notify]`` names.

    Raises:
        JobError: a variable holds something else than it must.
    """
    notify, env = job.notify, os.environ

    def webhook(variable: str) -> Signed:
        url = url_in(job, "url_env", variable, env)
        if not notify.hmac_key_env:
            return Signed(url, None)
        # Without its key nothing is sent: a receiver that checks signatures would refuse it.
        return Signed(url, HmacKey(text_in(job, "hmac_key_env", notify.hmac_key_env, env)))

    def services(variable: str) -> list[Service]:
        urls = text_in(job, "apprise_env", variable, env)
        return services_of(variable, urls, place_of(job, "apprise_env", variable))

    return Named(
        _available(notify.url_env, webhook),
        _available(notify.apprise_env, services),
        _available(
            notify.heartbeat_url_env, lambda name: url_in(job, "heartbeat_url_env", name, env)
        ),
    )


def _available(variable: str | None, read: Callable[[str], T]) -> dict[str, T | Unavailable]:
    """Return what a variable names, if there is one."""
    if not variable:
        return {}
    try:
        return {variable: read(variable)}
    except Unavailable as error:
        return {variable: error}
