"""Decides from the environment which server keeps a bucket, and with which credentials. Pure.

The variables are those of each cloud's own tools. An empty one counts as unset.

| scheme | server                               | credentials: the first that is set              |
|--------|--------------------------------------|-------------------------------------------------|
| ``s3`` | ``AWS_ENDPOINT_URL_S3``,             | ``AWS_ACCESS_KEY_ID``; web identity;            |
|        | ``AWS_ENDPOINT_URL``, or that of     | container (ECS, EKS); instance metadata         |
|        | ``AWS_REGION``                       |                                                 |
| ``az`` | ``AZURE_STORAGE_CONNECTION_STRING``, | connection string; ``AZURE_STORAGE_KEY``;       |
|        | ``AZURE_STORAGE_SERVICE_ENDPOINT``,  | workload identity; client secret;               |
|        | or that of ``AZURE_STORAGE_ACCOUNT`` | ``AZURE_STORAGE_SAS_TOKEN``; managed identity   |
| ``gs`` | ``STORAGE_EMULATOR_HOST``, or        | ``GOOGLE_APPLICATION_CREDENTIALS``; the default |
|        | Google's                             | file of ``gcloud``; the metadata server         |

obstore reads most of these itself, and some more. What is decided here is handed to it
explicitly, and the variables are hidden from it (``hidden``), so that one that a cloud's own tools
don't know (``AWS_ENDPOINT``, ``AWS_SKIP_SIGNATURE``) can't redirect a journal or weaken its
connection.

Plain http is for this machine only, unless ``AWS_ALLOW_HTTP=true``: whoever sees a journal's
requests on the way sees its names, and may hold them up. Proxies follow the rules of
``bulkops.client.access.proxy``; neither this machine nor a server for credentials that only it
can reach (``169.254.…``) is ever asked through one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from bulkops.client.access.address import is_loopback
from bulkops.client.access.proxy import proxy_for
from bulkops.errors import JobError
from bulkops.journal.remote.bucket.address import Address
from bulkops.journal.remote.bucket.clouds import CLOUDS, Place, advice

LOCAL = "localhost,127.0.0.0/8,::1,169.254.0.0/16,fd00:ec2::254,metadata.google.internal"
"""Hosts that are never asked through a proxy."""
EVERYWHERE = "*,0.0.0.0/0,::/0"
"""All hosts: obstore's ``*`` stands for names, but not for IP addresses."""


class Settings(NamedTuple):
    """What a store is opened with.

    Attributes:
        endpoint: the server's URL without a slash at its end.
        config: obstore's configuration of this kind of store; contains secrets.
        client: obstore's options for connections; may contain a proxy's password.
        advice: what to set if no credentials can be got.
        authorities: a file with further certificate authorities; empty if there is none.
        proxied: whether the server is asked through a proxy.
    """

    endpoint: str
    config: dict[str, str]
    client: dict[str, str | bool]
    advice: str
    authorities: str
    proxied: bool

    def __repr__(self) -> str:
        """Name the server only."""
        return f"Settings({self.endpoint})"


def settings_for(address: Address, env: Mapping[str, str]) -> Settings:
    """Return what the environment says about the store of an address.

    Raises:
        JobError: a variable is missing, wrong or unsupported; the message has no variable's
            value that may be a secret.
        BulkopsError: a variable does not name a proxy.
    """
    set_ = {name: value for name, value in env.items() if value}
    try:
        place, config = CLOUDS[address.scheme](set_)
        endpoint = _checked(place, allowed=set_.get("AWS_ALLOW_HTTP", "").lower() == "true")
    except JobError as problem:
        raise JobError(f"{address}: {problem}") from None
    plain = urlsplit(endpoint).scheme == "http"
    proxy = proxy_for(_origin(endpoint), set_)
    client: dict[str, str | bool] = {"allow_http": plain, **_proxy(endpoint, proxy, set_)}
    authorities = set_.get("AWS_CA_BUNDLE", "") if address.scheme == "s3" else ""
    words = advice(address.scheme, config)
    return Settings(endpoint, config, client, words, authorities, proxy is not None)


def _checked(place: Place, *, allowed: bool) -> str:
    """Return a server's URL; ``JobError`` if it is none, or plain http to another machine."""
    name, text = place.variable, place.url
    try:
        url = urlsplit(text)
        sound = url.scheme in {"http", "https"} and bool(url.hostname) and (url.port or 0) >= 0
    except ValueError:
        sound = False
    if not sound or any(sign in text for sign in "@?#\\ ") or not text.isprintable():
        raise JobError(
            f"{name or 'the endpoint'} is not a server's URL such as https://storage.example.com "
            "(without user, password or query)"
        )
    url = urlsplit(text)
    if url.scheme == "https" or allowed or is_loopback(url.hostname or ""):
        return text
    raise JobError(
        f"{name} = {text}: plain http would show the journal to the network; use https, or set "
        "AWS_ALLOW_HTTP=true"
    )


def _origin(endpoint: str) -> str:
    url = urlsplit(endpoint)
    return f"{url.scheme}://{url.netloc}"


def _proxy(endpoint: str, proxy: str | None, env: Mapping[str, str]) -> dict[str, str]:
    """Return obstore's options for a proxy; they keep it from looking for one itself."""
    url = urlsplit(endpoint)
    # No list of exceptions has this name: the proxy for the servers of credentials.
    elsewhere = proxy or proxy_for(f"{url.scheme}://name.invalid", env)
    if elsewhere is None:
        return {"proxy_url": "http://127.0.0.1", "proxy_excludes": EVERYWHERE}
    exceptions = [LOCAL, env.get("NO_PROXY") or env.get("no_proxy", "")]
    if proxy is None:
        exceptions.append((url.hostname or "").strip("[]"))
    return {"proxy_url": elsewhere, "proxy_excludes": ",".join(filter(None, exceptions))}
