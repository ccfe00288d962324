"""Whose certificates are trusted."""

from __future__ import annotations

import ssl

from bulkops.errors import BulkopsError


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return what trusts the system's authorities and those in a PEM file.

    Raises:
        BulkopsError: there is no such file, or it holds none.
    """
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise BulkopsError(
                f"{ca_file}: not usable as --ca-file: {error}; it must be a PEM file of "
                f"certificate authorities"
            ) from error
    return context
