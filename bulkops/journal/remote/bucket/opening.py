"""Opens the object store of an address."""

from __future__ import annotations

from collections.abc import Mapping

from bulkops.errors import JobError
from bulkops.journal.remote.bucket.address import Address
from bulkops.journal.remote.bucket.environment import settings_for
from bulkops.journal.remote.bucket.store import Store

TIMEOUT = 10.0
"""Seconds after which a request counts as not answered."""


def open_store(address: Address, env: Mapping[str, str], *, timeout: float = TIMEOUT) -> Store:
    """Return the store of an address; sends no request.

    Args:
        env: the environment: server, region, credentials and proxy (see ``environment``).
        timeout: the most seconds for one request. A call may last twice as long.

    Raises:
        JobError: the extra ``remote`` is missing, or the environment is wrong.
    """
    try:
        # It needs an extra, and takes a while to import.
        from bulkops.journal.remote.bucket.objects import ObjectStore  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "obstore":
            raise
        raise JobError(
            f'{address}: needs the extra `remote`: pip install "bulkops[remote]"'
        ) from None
    return ObjectStore(address, settings_for(address, env), timeout=timeout)
