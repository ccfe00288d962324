"""Decides which server requests go to, and normalizes its address. Pure.

| the user names             | a file names     | requests go to                                 |
|----------------------------|------------------|------------------------------------------------|
| one address                | nothing, or this | that address                                   |
| one address                | another one      | none: ``PlanStale``                            |
| two in different variables |                  | none: ``JobError``                             |
| nothing                    | nothing          | the default, ``HCP_TERRAFORM``                 |
| nothing                    | the default      | the default                                    |
| nothing                    | another one      | that address, if a token is bound to its host; |
|                            |                  | otherwise none: ``PlanStale``                  |

The user names an address with ``--address`` or else in one of ``VARIABLES``. A file is a journal
or a saved plan; its author must not decide where a token is sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from bulkops.errors import JobError, PlanStale

HCP_TERRAFORM = "https://app.terraform.io"
VARIABLES = ("TFE_ADDRESS", "TF_CLOUD_HOSTNAME", "TFE_HOSTNAME")
"""Variables of go-tfe, Terraform's ``cloud`` block and the ``tfe`` provider. Empty means unset."""

PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_NUMBER = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)")


class Stated(NamedTuple):
    """A file made for one server, and that server's address as the file has it.

    Attributes:
        name: the file's path, or a description if it isn't a file.
    """

    name: object
    address: str


class Destination(NamedTuple):
    """The server that requests go to.

    Attributes:
        address: its address, as ``canonical`` returns it.
        bound: whether only a token that is bound to this host may be sent there, because only
            a file named the address.
    """

    address: str
    bound: bool = False


def canonical(text: str, origin: str = "the address") -> str:
    """Return ``scheme://host[:port]`` in lower case, without a default port or final slash.

    Args:
        text: an address; a bare host means https.
        origin: the source of the text, for the message.

    Raises:
        JobError: the text is not an address.
    """
    url = _split(text, origin)
    try:
        host = _canonical_host(url.hostname or "")
        port = url.port
    except ValueError:
        raise _no_address(origin, text) from None
    shown_port = "" if port in (None, PORTS[url.scheme]) else f":{port}"
    return f"{url.scheme}://{f'[{host}]' if ':' in host else host}{shown_port}"


def destination(
    given: str | None,
    env: Mapping[str, str],
    files: Sequence[Stated] = (),
    *,
    is_bound: Callable[[str], bool] = lambda _address: False,
    insecure_http: bool = False,
) -> Destination:
    """Return where requests go, according to the table above.

    Args:
        given: the value of ``--address``.
        files: files that must all name the same address.
        is_bound: returns whether a token is bound to the host of an address.
        insecure_http: whether to accept plain http to another machine, if the user named it.

    Raises:
        JobError: the user's address is invalid, ambiguous, or plain http.
        PlanStale: a file names another address, or one that the user must name as well.
    """
    named = _named(given, env)
    stated = [(file, _stated(file)) for file in files]
    if named is None and not stated:
        return Destination(HCP_TERRAFORM)
    origin, address = named or (str(stated[0][0].name), stated[0][1])
    for file, other in stated:
        if other != address:
            advice = f"if that is the server you mean, pass --address {other}"
            raise _another(file, other, f"{origin} names {address}", advice)
    if named is None:
        return Destination(address, bound=_bound(address, origin, is_bound))
    if is_plain(address) and not insecure_http:
        raise JobError(
            f"{origin} = {address}: plain http would expose the token to the network; "
            "use https, or pass --insecure-http"
        )
    return Destination(address)


def check_stated(file: Stated, address: str) -> None:
    """Refuse a file that names another address than the one that requests go to.

    Raises:
        PlanStale: the file names another address; nothing was sent.
    """
    other = _stated(file)
    if other != address:
        advice = "use a client for the file's address"
        raise _another(file, other, f"the client is for {address}", advice)


def is_at(stated: str, address: str) -> bool:
    """Return whether the address in a file is this one, in any spelling."""
    try:
        return canonical(stated) == address
    except JobError:
        return False


def is_loopback(host: str) -> bool:
    """Return whether a host name or IP address is this machine's loopback."""
    ip = ip_of(host)
    return host == "localhost" if ip is None else ip.is_loopback


def in_ascii(host: str) -> str:
    """Return a host with non-ASCII names as punycode, the form that addresses have.

    Empty if it can't be a host.
    """
    if host.isascii():
        return host
    try:
        return ".".join(label.encode("idna").decode() for label in host.split("."))
    except UnicodeError:
        return ""


def ip_of(host: str) -> IPv4Address | IPv6Address | None:
    """Return the host as an IP address, ``None`` for a name. IPv4-mapped IPv6 becomes IPv4."""
    try:
        ip = ip_address(host)
    except ValueError:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return mapped or ip


def _named(given: str | None, env: Mapping[str, str]) -> tuple[str, str] | None:
    """Return where the user named an address, and the address; ``None`` if nowhere."""
    if given is not None:
        return "--address", canonical(given, "--address")
    named = [(name, canonical(env[name], name)) for name in VARIABLES if env.get(name)]
    if len({address for _, address in named}) > 1:
        settings = " and ".join(f"{name} = {address}" for name, address in named)
        raise JobError(f"{settings} name different servers: set only one of them")
    return named[0] if named else None


def _another(file: Stated, stated: str, fact: str, advice: str) -> PlanStale:
    """Return the error for a file that is for another server."""
    return PlanStale(f"{file.name}: is for {stated}, but {fact}; nothing was sent: {advice}")


def _stated(file: Stated) -> str:
    try:
        return canonical(file.address, "its address")
    except JobError as problem:
        raise PlanStale(f"{file.name}: {problem}; nothing was sent") from None


def _bound(address: str, name: str, is_bound: Callable[[str], bool]) -> bool:
    """Return whether an address that only a file names requires a bound token."""
    if address == HCP_TERRAFORM:
        return False
    if is_plain(address) or not is_bound(address):
        raise PlanStale(
            f"{name}: is for {address}, which you have not named, and no token is bound to that "
            f"host; nothing was sent: if that is the server you mean, set TFE_ADDRESS={address} "
            f"or pass --address {address}"
        )
    return True


def is_plain(address: str) -> bool:
    """Return whether tokens would travel to another machine unencrypted."""
    url = urlsplit(address)
    return url.scheme == "http" and not is_loopback(url.hostname or "")


def _split(text: str, origin: str) -> SplitResult:
    if "@" in text:
        raise JobError(
            f"{origin} contains a user or password: give only the host, and the token separately"
        )
    # urlsplit silently drops tabs and line breaks.
    if not text.isprintable() or " " in text:
        raise JobError(f"{origin} contains spaces or control characters")
    if not text.isascii():
        # The lower case of some non-ASCII letters is ASCII.
        raise _no_address(origin, text)
    try:
        url = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:
        raise _no_address(origin, text) from None
    if url.scheme not in PORTS:
        raise _no_address(origin, text)
    if url.path not in {"", "/"} or url.query or url.fragment:
        raise JobError(f"{origin} contains a path or query: give only scheme, host and port")
    return url


def _canonical_host(text: str) -> str:
    """Return a host in its canonical spelling; raises ``ValueError`` if it isn't a host."""
    host = text.removesuffix(".")
    if _HOST.fullmatch(host) and not _NUMBER.fullmatch(host):
        return host
    # A name that ends in a number is an IP address, or something like 127.1 that only some
    # systems accept as one.
    ip = ip_of(host)
    if ip is None:
        raise ValueError(text)
    return str(ip)


def _no_address(origin: str, text: str) -> JobError:
    return JobError(
        f"{origin} = {text}: not an address such as https://tfe.example.com or "
        "tfe.example.com:8443 (write a name with letters beyond a-z as punycode, xn--…)"
    )
