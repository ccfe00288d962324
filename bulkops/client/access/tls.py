"""Which certificate authorities are trusted, and which certificate this client shows.

A server's certificate is checked as strictly as curl and Go do it. Python 3.13 began to demand
more (``VERIFY_X509_STRICT``): it refuses the authorities of many companies, whose certificates
have no key identifiers or aren't marked as critical. As for curl and Go, an authority in a file
may be an intermediate one.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import NamedTuple

from bulkops.errors import BulkopsError, JobError
from bulkops.files import check_named
from bulkops.text import printable

MOST_OF_A_FILE = 64 << 20
"""The most bytes of a file with certificates or a key."""

EXPIRED, NOT_YET_VALID = 10, 9
OTHER_NAMES = (62, 64)
UNKNOWN_AUTHORITIES = (2, 18, 19, 20, 21)
"""OpenSSL's ``X509_V_ERR_…``: the certificate's issuer isn't trusted, or isn't known."""

_ALERT = re.compile(
    r"_ALERT_(HANDSHAKE_FAILURE|CERTIFICATE_\w+|BAD_CERTIFICATE\w*|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA"
    r"|ACCESS_DENIED)\]"
)
"""How a server says that it wants a client's certificate, or another one."""


class TlsFiles(NamedTuple):
    """Files in PEM format for the connections to a server.

    Attributes:
        ca_file: authorities to trust in addition to the system's.
        client_cert: a certificate that proves who this client is, with its chain.
        client_key: its private key, if it isn't in ``client_cert``.
    """

    ca_file: str | Path | None = None
    client_cert: str | Path | None = None
    client_key: str | Path | None = None


NO_FILES = TlsFiles()


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """Return a context that trusts the system's authorities, and uses the files.

    Raises:
        JobError: there is a key without a certificate.
        BulkopsError: a file can't be read, or isn't what it must be.
    """
    context = ssl.create_default_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if files.ca_file:
        try:
            # OpenSSL would never stop reading an endless file.
            check_named(Path(files.ca_file), MOST_OF_A_FILE)
            context.load_verify_locations(cafile=files.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise BulkopsError(
                f"{files.ca_file}: can't be used as --ca-file: {_reason(error)}; it must be a PEM "
                "file with certificate authorities"
            ) from error
    if files.client_cert:
        _show(context, files.client_cert, files.client_key)
    elif files.client_key:
        raise JobError(f"--client-key {files.client_key} needs --client-cert, its certificate")
    return context


def _show(context: ssl.SSLContext, cert: str | Path, key: str | Path | None) -> None:
    place = f"{cert}: can't be used as --client-cert"
    advice = "both must be PEM, and the key that of the certificate"
    if key:
        place += f" with --client-key {key}"
    else:
        advice = "it must be PEM and have the key, too, unless --client-key names the key's file"

    def no_password() -> str:
        # Without this, OpenSSL would ask for it on the terminal.
        raise BulkopsError(f"{place}: the key is encrypted: decrypt it with `openssl pkey`")

    try:
        for path in (cert, key or cert):
            check_named(Path(path), MOST_OF_A_FILE)
        context.load_cert_chain(cert, key, password=no_password)
    except (OSError, ssl.SSLError) as error:
        raise BulkopsError(f"{place}: {_reason(error)}; {advice}") from error


def refusal(error: Exception, files: TlsFiles) -> str:
    """Return why a server's certificate is refused, and what to do about it."""
    code = getattr(error, "verify_code", 0)
    reason = printable(getattr(error, "verify_message", "") or str(error)).rstrip(".")
    if code == EXPIRED:
        return (
            f"the server's certificate is no longer valid: {reason}: it has to be renewed (if not, "
            "this machine's clock is wrong)"
        )
    if code == NOT_YET_VALID:
        return (
            f"the server's certificate is not valid yet: {reason}: is this machine's clock right?"
        )
    if code in OTHER_NAMES:
        return (
            f"the server's certificate is for another name: {reason}: use a name that it has, or "
            "check where this name leads"
        )
    text = f"the server's certificate is not trusted: {reason}"
    if code not in UNKNOWN_AUTHORITIES:
        return text
    if files.ca_file:
        return f"{text}; no authority in {files.ca_file} (--ca-file) or of this system signed it"
    return (
        f"{text}; if a private authority signed it, name that authority with --ca-file or "
        "SSL_CERT_FILE"
    )


def client_refusal(error: BaseException, files: TlsFiles) -> str:
    """Return why a server refuses this client, if the client's certificate may be the cause.

    Returns:
        An empty string for any other error.
    """
    alert = _ALERT.search(str(error))
    if alert is None:
        return ""
    words = f"the server refused the connection ({alert[1].lower().replace('_', ' ')})"
    if files.client_cert:
        return f"{words}: it may not accept the certificate in {files.client_cert} (--client-cert)"
    return f"{words}: it may want a client's certificate (--client-cert)"


def _reason(error: OSError) -> str:
    # An SSLError is an OSError, too, but its strerror isn't a message of the system.
    return str(error) if isinstance(error, ssl.SSLError) else error.strerror or str(error)
