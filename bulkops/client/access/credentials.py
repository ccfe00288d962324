"""Where the server is and which token opens it, found the way Terraform's users keep them. Pure.

| looked at, in this order                                        | gives   |
|-----------------------------------------------------------------|---------|
| ``--address``, ``TFE_ADDRESS``, ``TF_CLOUD_HOSTNAME``           | address |
| ``TFE_TOKEN``                                                   | token   |
| ``TF_TOKEN_<host>`` with ``.`` as ``_`` and ``-`` as ``__``     | token   |
| ``~/.terraform.d/credentials.tfrc.json`` (``terraform login``)  | token   |

The environment and the reader of files are passed in. No message here holds a token.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import msgspec

from bulkops.errors import BulkopsError, JobError, unreadable

HCP_TERRAFORM = "https://app.terraform.io"
TOKEN_PREFIX = "TF_TOKEN_"  # noqa: S105 - the name of a variable, not a token

_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


class _Entry(msgspec.Struct):
    token: str = ""


class _CredentialsFile(msgspec.Struct):
    credentials: dict[str, _Entry] = {}


def resolve_address(
    given: str | None, env: Mapping[str, str], *, insecure_http: bool = False
) -> str:
    """Return ``scheme://host[:port]`` in lower case, without a default port or final slash.

    Args:
        given: ``--address``; a bare host means https.
        insecure_http: accept plain http to a host other than this one.

    Raises:
        JobError: it is no such address; the message names where it came from.
    """
    places = (
        ("--address", given),
        ("TFE_ADDRESS", env.get("TFE_ADDRESS")),
        ("TF_CLOUD_HOSTNAME", env.get("TF_CLOUD_HOSTNAME")),
        ("the default", HCP_TERRAFORM),
    )
    origin, text = next((place, value) for place, value in places if value)
    url = _split(text, origin)
    host, port = _host_and_port(url, origin, text)
    if url.scheme == "http" and not insecure_http and not _is_loopback(host):
        raise JobError(
            f"{origin} = {text}: plain http would show the token to the network; "
            "use https, or say --insecure-http"
        )
    shown_host = f"[{host}]" if ":" in host else host
    shown_port = "" if port in (None, _PORTS[url.scheme]) else f":{port}"
    return f"{url.scheme}://{shown_host}{shown_port}"


def resolve_token(
    address: str, env: Mapping[str, str], read_text: Callable[[Path], str | None]
) -> str:
    """Return the token for the address.

    Args:
        address: as ``resolve_address`` returns it.
        read_text: returns a file's text, ``None`` where there is no such file.

    Raises:
        BulkopsError: there is none, it can't be one, or the credentials file can't be read.
    """
    host = urlsplit(address).netloc
    names = ["TFE_TOKEN", *(n for n in env if _host_of_variable(n) == host)]
    for name in names:
        if token := env.get(name):
            return _sound(token, name)
    path = Path(env["HOME"], ".terraform.d", "credentials.tfrc.json") if env.get("HOME") else None
    if path is not None and (token := _token_in_file(path, host, read_text)):
        return _sound(token, str(path))
    raise BulkopsError(
        f"no token for {host}: looked at TFE_TOKEN, {_variable_of_host(host)} and "
        f"{path or '~/.terraform.d/credentials.tfrc.json (HOME is not set)'}; "
        f"set one of them, or run: terraform login {host}"
    )


def _split(text: str, origin: str) -> SplitResult:
    if "@" in text:
        raise JobError(
            f"{origin} has a user or password in it: give only the host, and the token by itself"
        )
    # urlsplit drops tabs and line breaks without a word.
    if not text.isprintable() or " " in text:
        raise JobError(f"{origin} has spaces or control characters in it")
    try:
        url = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:
        raise _no_address(origin, text) from None
    if url.scheme not in _PORTS:
        raise _no_address(origin, text)
    if url.path not in {"", "/"} or url.query or url.fragment:
        raise JobError(f"{origin} has a path or query in it: only scheme, host and port")
    return url


def _host_and_port(url: SplitResult, origin: str, text: str) -> tuple[str, int | None]:
    host = url.hostname or ""
    try:
        if not _HOST.fullmatch(host):
            ip_address(host)
        port = url.port
    except ValueError:
        raise _no_address(origin, text) from None
    return host, port


def _no_address(origin: str, text: str) -> JobError:
    return JobError(
        f"{origin} = {text}: not an address such as https://tfe.example.com or "
        "tfe.example.com:8443 (a name in other letters than a-z: as punycode, xn--…)"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host_of_variable(name: str) -> str | None:
    """Return the host a ``TF_TOKEN_…`` variable is for, in Terraform's own reading of it."""
    if not name.startswith(TOKEN_PREFIX):
        return None
    return _comparable(name.removeprefix(TOKEN_PREFIX).replace("__", "-").replace("_", "."))


def _variable_of_host(host: str) -> str:
    return TOKEN_PREFIX + host.replace("-", "__").replace(".", "_")


def _comparable(host: str) -> str:
    # Terraform keeps a port as part of the host, but for 443.
    return host.lower().removesuffix(":443")


def _token_in_file(path: Path, host: str, read_text: Callable[[Path], str | None]) -> str | None:
    try:
        text = read_text(path)
        if text is None:
            return None
        file = msgspec.json.decode(text, type=_CredentialsFile)
    except (OSError, UnicodeError) as problem:
        raise BulkopsError(unreadable(path, problem)) from None
    except msgspec.DecodeError as problem:
        raise BulkopsError(f"{path} is not a Terraform credentials file: {problem}") from None
    tokens = {_comparable(name): entry.token for name, entry in file.credentials.items()}
    return tokens.get(host)


def _sound(token: str, origin: str) -> str:
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise BulkopsError(
            f"the token in {origin} has spaces, control or non-ASCII characters in it: "
            "copy it again, whole and without a line break"
        )
    return token
