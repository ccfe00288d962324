"""One write without a journal: what to say when nobody knows whether it took effect."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bulkops.errors import BulkopsError, NoResponse, ServerBroken


@contextmanager
def single_write(look: str) -> Iterator[None]:
    """Wrap exactly one write; a bulk job would read back, here the user has to.

    Args:
        look: the command that shows whether it took effect.

    Raises:
        BulkopsError: the answer was lost, or can't be read.
    """
    try:
        yield
    except (NoResponse, ServerBroken) as error:
        if isinstance(error, NoResponse) and not error.sent:
            raise
        raise BulkopsError(
            f"{error}\nThe change may or may not have taken effect. Look before you try again: "
            f"{look}"
        ) from error
