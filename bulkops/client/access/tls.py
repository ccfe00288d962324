"""Whose certificates are trusted."""

from __future__ import annotations

import ssl
from pathlib import Path

from bulkops.errors import BulkopsError
from bulkops.files import check_named

MOST_OF_AUTHORITIES = 64 << 20
"""Bytes of a file of certificate authorities."""


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return what trusts the system's authorities and those in a PEM file.

    Raises:
        BulkopsError: there is no such file, or it holds none.
    """
    context = ssl.create_default_context()
    if ca_file:
        try:
            # OpenSSL would read an endless one for ever.
            check_named(Path(ca_file), MOST_OF_AUTHORITIES)
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise BulkopsError(
                f"{ca_file}: not usable as --ca-file: {_reason(error)}; it must be a PEM "
                "file of certificate authorities"
            ) from error
    return context


def _reason(error: OSError) -> str:
    # An SSLError is one, too: its strerror is in OpenSSL's words.
    return str(error) if isinstance(error, ssl.SSLError) else error.strerror or str(error)
