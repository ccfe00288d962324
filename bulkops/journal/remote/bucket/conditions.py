"""Refuses a store that ignores conditions: on it, two writers would both win."""

from __future__ import annotations

from random import Random

from bulkops.errors import JobError
from bulkops.journal.remote.bucket.address import Address
from bulkops.journal.remote.bucket.store import Store

PROBE = "probe"
"""The object below a journal that is created and swapped to see whether conditions count."""


def check_conditions(store: Store, journal: Address, random: Random) -> None:
    """Create one object twice and swap one version twice; the second must be refused each time.

    Four requests, once per start of a writer. It may run at any time, also while others run it
    or write the journal: it touches only ``PROBE``, which stays, since no object is ever
    deleted. Every refusal proves that a condition counts, whoever's write it lost to. What is
    accepted a second time proves that it doesn't, whatever others do: an object that was there
    is still there, and a version that was replaced by a random body never comes back.

    Args:
        random: draws the bodies; those of two writers must differ.

    Raises:
        JobError: the store ignores conditions, or refuses what meets them.
        StoreError: a call failed. What was written does no harm: check again.
    """
    key = f"{journal.key}/{PROBE}"

    def body() -> bytes:
        return b"%032x\n" % random.getrandbits(128)

    version = store.create(key, body())
    if version is not None and store.create(key, body()) is not None:
        raise _ignored(journal, "it replaced an object that it should only have created")
    if version is None:
        found = store.get(key)
        if found is None:
            raise JobError(
                f"{journal}: this store refuses to create an object that doesn't exist "
                "(If-None-Match): keep the journal in another store, or in a file"
            )
        version = found.version
    swapped = store.swap(key, body(), version)
    if swapped is not None and store.swap(key, body(), version) is not None:
        raise _ignored(journal, "it replaced a version of an object that it no longer had")


def _ignored(journal: Address, what: str) -> JobError:
    return JobError(
        f"{journal}: this store ignores conditional writes ({what}), so two runs could write one "
        "journal; nothing was sent: keep the journal in another store, or in a file"
    )
