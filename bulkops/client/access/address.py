"""Which server is meant, and how its address is written. Pure.

| the user named            | a file names  | what is used                               |
|---------------------------|---------------|--------------------------------------------|
| one address               | nothing, this | it                                         |
| one address               | another       | none: ``PlanStale``                        |
| two by different variables |               | none: ``JobError``                         |
| nothing                   | nothing       | the default, ``HCP_TERRAFORM``             |
| nothing                   | the default   | it                                         |
| nothing                   | another       | it, with a token that is bound to its host; |
|                           |               | where there is none: ``PlanStale``         |

The user names one by ``--address``, else by ``VARIABLES``. Files are journals and saved plans:
whoever wrote one must not decide where a token goes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from bulkops.errors import JobError, PlanStale

HCP_TERRAFORM = "https://app.terraform.io"
VARIABLES = ("TFE_ADDRESS", "TF_CLOUD_HOSTNAME", "TFE_HOSTNAME")
"""Read by go-tfe, Terraform's cloud block and its provider ``tfe``; an empty one is not set."""

PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_NUMBER = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)")


class Stated(NamedTuple):
    """A file, or what else was made for one server, and that server's address as it says it."""

    name: Path | str
    address: str


class Destination(NamedTuple):
    """Where requests go.

    Attributes:
        address: as ``canonical`` returns it.
        bound: only a token that is bound to this host may be sent there: a file named it.
    """

    address: str
    bound: bool = False


def canonical(text: str, origin: str = "the address") -> str:
    """Return ``scheme://host[:port]`` in lower case, without a default port or final slash.

    Args:
        text: a bare host means https.
        origin: where the text is from, for the message.

    Raises:
        JobError: it is no such address.
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
    """Decide where requests go: see the table above.

    Args:
        given: ``--address``.
        files: each must name the same address.
        is_bound: whether a token is bound to the host of an address.
        insecure_http: accept plain http to another host than this one, if the user named it.

    Raises:
        JobError: the user named no address, or more than one, or plain http.
        PlanStale: a file names another address, or one that the user has to name, too.
    """
    named = _named(given, env)
    stated = [(file, _stated(file)) for file in files]
    if named is None and not stated:
        return Destination(HCP_TERRAFORM)
    origin, address = named or (str(stated[0][0].name), stated[0][1])
    for file, other in stated:
        if other != address:
            advice = f"if that is the server you mean, say --address {other}"
            raise _another(file, other, f"{origin} names {address}", advice)
    if named is None:
        return Destination(address, bound=_bound(address, origin, is_bound))
    if _is_plain(address) and not insecure_http:
        raise JobError(
            f"{origin} = {address}: plain http would show the token to the network; "
            "use https, or say --insecure-http"
        )
    return Destination(address)


def check_stated(file: Stated, address: str) -> None:
    """Refuse a file that names another address than the one requests go to.

    Raises:
        PlanStale: it does; nothing was sent for it.
    """
    other = _stated(file)
    if other != address:
        raise _another(file, other, f"the client is for {address}", "give it a client for that")


def is_at(stated: str, address: str) -> bool:
    """Return whether the address in a file is this one, however it is spelled."""
    try:
        return canonical(stated) == address
    except JobError:
        return False


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by its name or number."""
    ip = ip_of(host)
    return host == "localhost" if ip is None else ip.is_loopback


def ip_of(host: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address that a host is given as, an IPv4 one out of an IPv6 one around it."""
    try:
        ip = ip_address(host)
    except ValueError:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return mapped or ip


def _named(given: str | None, env: Mapping[str, str]) -> tuple[str, str] | None:
    """Return which address the user named, and where."""
    if given is not None:
        return "--address", canonical(given, "--address")
    named = [(name, canonical(env[name], name)) for name in VARIABLES if env.get(name)]
    if len({address for _, address in named}) > 1:
        said = " and ".join(f"{name} = {address}" for name, address in named)
        raise JobError(f"{said} name different servers: set one of them, or say --address")
    return named[0] if named else None


def _another(file: Stated, stated: str, fact: str, advice: str) -> PlanStale:
    return PlanStale(f"{file.name}: is for {stated}, but {fact}; nothing was sent: {advice}")


def _stated(file: Stated) -> str:
    try:
        return canonical(file.address, "its address")
    except JobError as problem:
        raise PlanStale(f"{file.name}: {problem}; nothing was sent") from None


def _bound(address: str, name: str, is_bound: Callable[[str], bool]) -> bool:
    """Return whether only a bound token will do, for an address that only a file names."""
    if address == HCP_TERRAFORM:
        return False
    if _is_plain(address) or not is_bound(address):
        raise PlanStale(
            f"{name}: is for {address}, which you have not named, and no token is bound to that "
            f"host; nothing was sent: if that is the server you mean, set TFE_ADDRESS={address} "
            f"or say --address {address}"
        )
    return True


def _is_plain(address: str) -> bool:
    """Return whether tokens would be readable on their way to another machine."""
    url = urlsplit(address)
    return url.scheme == "http" and not is_loopback(url.hostname or "")


def _split(text: str, origin: str) -> SplitResult:
    if "@" in text:
        raise JobError(
            f"{origin} has a user or password in it: give only the host, and the token by itself"
        )
    # urlsplit drops tabs and line breaks without a word.
    if not text.isprintable() or " " in text:
        raise JobError(f"{origin} has spaces or control characters in it")
    if not text.isascii():
        # Lower case makes an ASCII letter of some others.
        raise _no_address(origin, text)
    try:
        url = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:
        raise _no_address(origin, text) from None
    if url.scheme not in PORTS:
        raise _no_address(origin, text)
    if url.path not in {"", "/"} or url.query or url.fragment:
        raise JobError(f"{origin} has a path or query in it: only scheme, host and port")
    return url


def _canonical_host(text: str) -> str:
    """Return a host in its one spelling; raises ``ValueError`` for none."""
    host = text.removesuffix(".")
    if _HOST.fullmatch(host) and not _NUMBER.fullmatch(host):
        return host
    # A name that ends in a number is an IP address, or one that only some systems read: 127.1.
    ip = ip_of(host)
    if ip is None:
        raise ValueError(text)
    return str(ip)


def _no_address(origin: str, text: str) -> JobError:
    return JobError(
        f"{origin} = {text}: not an address such as https://tfe.example.com or "
        "tfe.example.com:8443 (a name in other letters than a-z: as punycode, xn--…)"
    )
