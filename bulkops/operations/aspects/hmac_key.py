"""A run task's HMAC key, which is write-only: the API never shows it. Pure."""

from __future__ import annotations

from bulkops.api import endpoints
from bulkops.api.endpoints import RunTaskChange
from bulkops.api.messages import Request, Response
from bulkops.operations.aspects.base import Words
from bulkops.operations.aspects.run_task import RunTaskAspect
from bulkops.operations.model import Attributes, Observed, Operation
from bulkops.operations.secret import HmacKey

DIGEST = "hmac-key-sha256"
"""Stands in for the key in ``Operation.desired``."""


def in_words(attributes: Attributes | None) -> str:
    """Describe the desired key by its digest; empty for a key that is not known."""
    digest = (attributes or {}).get(DIGEST)
    return f"the HMAC key with SHA-256 {digest}" if digest is not None else ""


WORDS = Words(DIGEST, in_words)


class HmacAspect(RunTaskAspect):
    """A run task's HMAC key, which the API never shows.

    Args:
        key: the key to write, ``None`` if nothing will be written.
    """

    source = None

    def __init__(self, organization: str, key: HmacKey | None) -> None:
        super().__init__(organization, ())
        self._key = key

    def request(self, operation: Operation) -> Request:
        """Set the key."""
        assert self._key is not None, "needed to send"  # noqa: S101 - hmac_key's promise
        change = RunTaskChange(hmac_key=self._key.reveal())
        return endpoints.update_run_task(operation.target.id, change)

    def echo(self, answer: Response) -> Observed | None:
        """Return the key as sent: the answer says only that the run task was changed."""
        observed = super().echo(answer)
        return observed and Observed(observed.id, {DIGEST: self._key.digest if self._key else ""})
