"""Through which proxy a server is reached, as Go's ``httpproxy`` decides it. Pure.

``HTTPS_PROXY``, else ``https_proxy``, is for https; ``HTTP_PROXY``, else ``http_proxy``, for plain
http. This machine (``localhost``, ``127.0.0.0/8``, ``::1``) is never reached through one, nor is
what ``NO_PROXY``, else ``no_proxy``, lists: entries with commas between, in any case.

| entry                             | reached directly are                                  |
|-----------------------------------|-------------------------------------------------------|
| ``*``                             | all                                                   |
| ``example.com``                   | this name and all below it                            |
| ``.example.com, *.example.com``   | all names below it                                    |
| ``10.1.2.3``, ``2001:db8::1``     | an address given as this number, however it is spelled |
| ``10.0.0.0/8``, ``2001:db8::/32`` | an address given as a number of this network          |
| ``example.com:8443``,             | as without a port, if that is the address's port      |
| ``10.1.2.3:80``, ``[::2]:80``     |                                                       |

A name is never looked up: networks and numbers are compared with numbers only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_network
from urllib.parse import urlsplit

from bulkops.client.access.address import PORTS, ip_of, is_loopback
from bulkops.errors import BulkopsError

_NETWORK = re.compile(r"[0-9a-f.:]+/\d+")
_PORT = re.compile(r"(?:\[(.*)\]|([^:]*)):(\d*)")


def proxy_for(address: str, env: Mapping[str, str]) -> str | None:
    """Return the URL of the proxy to an address, ``None`` where it is reached directly.

    Args:
        address: as ``canonical`` returns it.

    Raises:
        BulkopsError: the variable for it names no proxy; its value, which may hold a password,
            is not in the message.
    """
    url = urlsplit(address)
    host, port = url.hostname or "", url.port or PORTS[url.scheme]
    name, proxy = _first(env, f"{url.scheme}_proxy")
    if name == "HTTP_PROXY" and env.get("REQUEST_METHOD"):
        # A CGI server makes this variable of a header, which anybody can send.
        return None
    if not proxy or is_loopback(host):
        return None
    excepted = _first(env, "no_proxy")[1].lower().split(",")
    if any(_matches(_ascii(entry.strip()), host, port) for entry in excepted):
        return None
    return _checked(proxy if "://" in proxy else f"http://{proxy}", name)


def _first(env: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return the first of a variable's two spellings that is set, and its value."""
    return next(((n, env[n]) for n in (name.upper(), name) if env.get(n)), (name, ""))


def _ascii(entry: str) -> str:
    """Return an entry with names in other letters as punycode, as addresses have them."""
    if entry.isascii():
        return entry
    try:
        return ".".join(label.encode("idna").decode() for label in entry.split("."))
    except UnicodeError:
        return ""


def _matches(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    ip = ip_of(host)
    if _NETWORK.fullmatch(entry):
        return ip is not None and _is_in(ip, entry)
    parts = _PORT.fullmatch(entry)
    name, of_port = (parts[1] or parts[2], parts[3]) if parts else (entry.strip("[]"), "")
    if not name or of_port not in ("", str(port)):
        return False
    if ip is not None:
        return ip_of(name) == ip
    below = name.removeprefix("*")
    if not below.startswith("."):
        return host == name or host.endswith(f".{name}")
    return host.endswith(below)


def _is_in(ip: IPv4Address | IPv6Address, network: str) -> bool:
    try:
        return ip in ip_network(network, strict=False)
    except ValueError:
        return False


def _checked(proxy: str, name: str) -> str:
    try:
        url = urlsplit(proxy)
        sound = url.scheme in PORTS and bool(url.hostname) and (url.port or 0) >= 0
    except ValueError:
        sound = False
    # What a password breaks off with these would be taken for the host.
    broken = any(sign in proxy.partition("://")[2].removesuffix("/") for sign in "/?#\\ ")
    if not sound or broken or not (proxy.isascii() and proxy.isprintable()):
        raise BulkopsError(
            f"{name} names no proxy such as http://proxy.example.com:3128 (http or https; "
            "letters that are not ASCII, and signs in a password, percent-encoded)"
        )
    return proxy
