"""An object in a store that several processes replace, each in the state that it has read."""

from __future__ import annotations

from bulkops.errors import JournalError, unreadable
from bulkops.journal.place import Shared
from bulkops.journal.remote.bucket.address import Address
from bulkops.journal.remote.bucket.store import Store, StoreError
from bulkops.journal.remote.place import unusable


class StoredObject:
    """See ``SharedObject``."""

    def __init__(self, store: Store, address: Address) -> None:
        self._store = store
        self._address = address

    def __str__(self) -> str:
        """Return the address."""
        return str(self._address)

    def read(self) -> Shared | None:
        """See ``SharedObject``."""
        try:
            found = self._store.get(self._address.key)
        except StoreError as error:
            raise JournalError(unreadable(self, error)) from error
        return found and Shared(found.data, found.version)

    def swap(self, data: bytes, version: object | None) -> bool:
        """See ``SharedObject``."""
        key = self._address.key
        try:
            if version is None:
                written = self._store.create(key, data)
            else:
                written = self._store.swap(key, data, version)
            if written is not None:
                return True
            # It may have been our own write, which obstore repeated.
            found = self._store.get(key)
        except StoreError as error:
            raise unusable(self, error) from error
        return found is not None and found.data == data
