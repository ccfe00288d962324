"""Finds the receivers that a job's ``[notify]`` names, and connects its execution to them."""

from __future__ import annotations

import os
from typing import NamedTuple

from msgspec.structs import replace

from bulkops.client.api import Client
from bulkops.client.transport import WebhookTransport
from bulkops.job.job import Job
from bulkops.notify.delivery import ATTEMPT_SECONDS
from bulkops.notify.environment import SecretUrl, place_of, text_in, url_in
from bulkops.notify.notices import JobNotices, NextSteps, no_steps
from bulkops.notify.receivers import Heartbeat, Receiver, Webhook
from bulkops.notify.services import Service, services_of
from bulkops.operations.secret import HmacKey
from bulkops.runner.assignment import Observer


class Named(NamedTuple):
    """What a job's ``[notify]`` names, with ``None`` for what it doesn't.

    Attributes:
        webhook: gets the messages, signed with ``key``.
        heartbeat: gets the heartbeats.
        services: get the messages, too.
    """

    webhook: SecretUrl | None
    key: HmacKey | None
    heartbeat: SecretUrl | None
    services: list[Service]


def check_notify(job: Job) -> Named:
    """Return what a job's ``[notify]`` names, before anything is sent.

    Raises:
        JobError: a variable is not set, or holds something else than it must.
    """
    notify, env = job.notify, os.environ
    webhook = url_in(job, "url_env", notify.url_env, env) if notify.url_env else None
    key = text_in(job, "hmac_key_env", notify.hmac_key_env, env) if notify.hmac_key_env else ""
    heartbeat = None
    if notify.heartbeat_url_env:
        heartbeat = url_in(job, "heartbeat_url_env", notify.heartbeat_url_env, env)
    services: list[Service] = []
    if variable := notify.apprise_env:
        urls = text_in(job, "apprise_env", variable, env)
        services = services_of(variable, urls, place_of(job, "apprise_env", variable))
    return Named(webhook, HmacKey(key) if key else None, heartbeat, services)


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
    named = check_notify(job)
    connections = []

    def connection(url: SecretUrl) -> WebhookTransport:
        transport = WebhookTransport(
            url.address, ca_file=client.ca_file, answer_seconds=ATTEMPT_SECONDS
        )
        connections.append(transport)
        return transport

    receivers: list[Receiver] = [*named.services]
    if named.webhook:
        receivers.insert(0, Webhook(named.webhook, connection(named.webhook), named.key))
    beats = Heartbeat(named.heartbeat, connection(named.heartbeat)) if named.heartbeat else None
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
