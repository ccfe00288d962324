"""Which certificate authorities are trusted."""

from __future__ import annotations

import ssl
from pathlib import Path

from bulkops.errors import BulkopsError
from bulkops.files import check_named

MOST_OF_AUTHORITIES = 64 << 20
"""The most bytes of a file with certificate authorities."""


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return a context that trusts the system's authorities and those in a PEM file.

    Raises:
        BulkopsError: the file can't be read, or contains no certificate.
    """
    context = ssl.create_default_context()
    if ca_file:
        try:
            # OpenSSL would never stop reading an endless file.
            check_named(Path(ca_file), MOST_OF_AUTHORITIES)
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise BulkopsError(
                f"{ca_file}: can't be used as --ca-file: {_reason(error)}; it must be a PEM "
                "file with certificate authorities"
            ) from error
    return context


def _reason(error: OSError) -> str:
    # An SSLError is an OSError, too, but its strerror isn't a message of the system.
    return str(error) if isinstance(error, ssl.SSLError) else error.strerror or str(error)
