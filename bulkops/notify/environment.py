"""Reads from the environment what ``[notify]`` names. Pure.

A webhook's URL is a secret: whoever knows it can post to it. So no message contains any part of it,
and it is kept where no repr shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from bulkops.api.messages import Request
from bulkops.client.access.address import canonical, is_plain
from bulkops.client.access.credentials import TOKEN_PREFIX
from bulkops.errors import JobError
from bulkops.job.job import Job


class Unavailable(JobError):
    """This machine lacks what a receiver needs.

    Attributes:
        reason: what it lacks, human-readable.
        remedy: what to do about it, as the beginning of a sentence.
    """

    def __init__(self, message: str, reason: str, remedy: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.remedy = remedy


class SecretUrl:
    """A URL that an environment variable holds.

    Attributes:
        variable: the variable's name.
    """

    __slots__ = ("_path", "_query", "address", "variable")

    def __init__(
        self, variable: str, address: str, path: str, query: tuple[tuple[str, str], ...]
    ) -> None:
        self.variable = variable
        self.address = address
        self._path = path
        self._query = query

    def __repr__(self) -> str:
        """Return the variable's name."""
        return f"SecretUrl({self.variable})"

    def request(self, method: str, body: bytes, headers: Mapping[str, str]) -> Request:
        """Return a request to it, for a transport to ``address``."""
        return Request(method, self._path, self._query, body, headers)


def text_in(job: Job, field: str, variable: str, env: Mapping[str, str]) -> str:
    """Return what a variable holds.

    Args:
        field: the field of ``[notify]`` that names it.

    Raises:
        Unavailable: it is not set, or empty.
        JobError: it holds a token of the API.
    """
    if variable == "TFE_TOKEN" or variable.startswith(TOKEN_PREFIX):
        # Not even as a key: a journal from elsewhere may name it, and a signature depends on it.
        raise JobError(
            f"{place_of(job, field, variable)}: this environment variable holds a token of the "
            "API, which nobody else gets: put what is meant here into another one"
        )
    text = env.get(variable, "").strip()
    if not text:
        raise Unavailable(
            f"{place_of(job, field, variable)}: this environment variable is not set. Set it, or "
            "remove the line",
            f"{variable} is not set",
            "Set it",
        )
    return text


def url_in(job: Job, field: str, variable: str, env: Mapping[str, str]) -> SecretUrl:
    """Return the URL that a variable holds; see ``text_in``.

    Raises:
        JobError: it is not a URL to which a notification may be sent.
    """
    place = place_of(job, field, variable)
    text = text_in(job, field, variable, env)
    try:
        url = _secret_url(variable, text)
    except (JobError, ValueError):
        # Not the error itself: it may contain the URL.
        raise JobError(
            f"{place}: it does not hold a URL such as https://hooks.example.com/… (without a user "
            "or password, and with special characters percent-encoded)"
        ) from None
    if is_plain(url.address):
        raise JobError(
            f"{place}: plain http would expose the notification to the network; use https"
        )
    return url


def place_of(job: Job, field: str, variable: str) -> str:
    """Return where a job names a variable, for error messages."""
    return f"{job.name}: notify.{field} = {variable}"


def _secret_url(variable: str, text: str) -> SecretUrl:
    """Return the URL in a text; raises ``JobError`` or ``ValueError`` if it is none."""
    if " " in text or not (text.isascii() and text.isprintable()):
        raise ValueError("it must be percent-encoded")
    url = urlsplit(text)
    if not (url.scheme and url.netloc):
        raise ValueError("it is not absolute")
    address = canonical(f"{url.scheme}://{url.netloc}")
    query = tuple(parse_qsl(url.query, keep_blank_values=True))
    return SecretUrl(variable, address, url.path or "/", query)
