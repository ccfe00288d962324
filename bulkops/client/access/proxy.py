"""Decides which proxy a server is reached through, with the rules of Go's ``httpproxy``. Pure.

``HTTPS_PROXY`` or else ``https_proxy`` applies to https, ``HTTP_PROXY`` or else ``http_proxy`` to
plain http. This machine (``localhost``, ``127.0.0.0/8``, ``::1``) is always reached directly, and
so is every host in ``NO_PROXY`` or else ``no_proxy``, a comma-separated list in any case.

| entry                             | hosts that are reached directly                       |
|-----------------------------------|-------------------------------------------------------|
| ``*``                             | all                                                   |
| ``example.com``                   | this name and all its subdomains                      |
| ``.example.com, *.example.com``   | all its subdomains                                    |
| ``10.1.2.3``, ``2001:db8::1``     | this IP address, in any spelling                      |
| ``10.0.0.0/8``, ``2001:db8::/32`` | the IP addresses of this network                      |
| ``example.com:8443``,             | as without the port, if the address has this port     |
| ``10.1.2.3:80``, ``[::2]:80``     |                                                       |

Names are never looked up: entries with an IP address or network match only addresses that are
given as IP addresses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_network
from urllib.parse import urlsplit

from bulkops.client.access.address import PORTS, in_ascii, ip_of, is_loopback
from bulkops.errors import JobError

_NETWORK = re.compile(r"[0-9a-f.:]+/\d+")
_HOST_AND_PORT = re.compile(r"(\[[^\[\]]+\]|[^\[\]:]+)(:\d*)?")
_PORT = re.compile(r"(?:\[(.*)\]|([^:]*)):(\d*)")


def proxy_for(address: str, env: Mapping[str, str]) -> str | None:
    """Return the URL of the proxy for an address, ``None`` if it is reached directly.

    Args:
        address: an address, as ``canonical`` returns it.

    Raises:
        JobError: the variable's value isn't a proxy's URL. The value is not in the message,
            because it may contain a password.
    """
    url = urlsplit(address)
    host, port = url.hostname or "", url.port or PORTS[url.scheme]
    name, proxy = _first(env, f"{url.scheme}_proxy")
    if name == "HTTP_PROXY" and env.get("REQUEST_METHOD"):
        # A CGI server sets this variable from the request header "Proxy", which is untrusted.
        return None
    if not proxy or is_loopback(host):
        return None
    excepted = _first(env, "no_proxy")[1].lower().split(",")
    if any(_matches(in_ascii(entry.strip()), host, port) for entry in excepted):
        return None
    return _checked(proxy if "://" in proxy else f"http://{proxy}", name)


def _first(env: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return the spelling of a variable that is set, upper case first, and its value."""
    return next(((n, env[n]) for n in (name.upper(), name) if env.get(n)), (name, ""))


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
    if proxy.lower().startswith("socks"):
        raise JobError(
            f"{name} is not the URL of a proxy for HTTP: SOCKS is not supported; name another "
            "proxy, or put the server into NO_PROXY"
        )
    try:
        url = urlsplit(proxy)
        place = _HOST_AND_PORT.fullmatch(url.netloc.rpartition("@")[2])
        sound = url.scheme in PORTS and bool(place and url.hostname) and (url.port or 0) >= 0
    except ValueError:
        sound = False
    # With one of these in a password, a part of the password would be taken for the host.
    broken = any(sign in proxy.partition("://")[2].removesuffix("/") for sign in "/?#\\ ")
    if not sound or broken or not (proxy.isascii() and proxy.isprintable()):
        raise JobError(
            f"{name} is not the URL of a proxy such as http://proxy.example.com:3128 (use http or "
            "https; percent-encode non-ASCII letters and special characters in a password)"
        )
    return proxy
