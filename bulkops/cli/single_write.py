"""One write without a journal: what to say when nobody knows whether it took effect."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import contextmanager
from shlex import join

from bulkops.cli.output.printing import note
from bulkops.errors import BulkopsError, NoResponse, ServerBroken


@contextmanager
def single_write(*look: str) -> Iterator[None]:
    """Wrap exactly one write; a bulk job would read back, here the user has to.

    Args:
        look: the arguments of ``bulkops`` that show whether it took effect.

    Raises:
        BulkopsError: the answer was lost, or can't be read.
    """
    # Quoted: an id is the server's, and the command will be pasted into a shell.
    command = join(("bulkops", *look))
    advice = f"The change may or may not have taken effect. Look before you try again: {command}"
    try:
        yield
    except CancelledError:
        # Ctrl-C while the answer was awaited.
        note("", f"Interrupted. {advice}")
        raise
    except (NoResponse, ServerBroken) as error:
        if isinstance(error, NoResponse) and not error.sent:
            raise
        raise BulkopsError(f"{error}\n{advice}") from error
