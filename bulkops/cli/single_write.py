"""One write without a journal: what to report if its answer is lost."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import contextmanager
from shlex import join

from bulkops.cli.output.printing import note
from bulkops.errors import BulkopsError, NoResponse, ServerBroken


@contextmanager
def single_write(*look: str) -> Iterator[None]:
    """Wrap exactly one write, which the user has to check if its answer is lost.

    Args:
        look: arguments of the ``bulkops`` command that shows whether it took effect.

    Raises:
        BulkopsError: the answer was lost or can't be read.
    """
    # Quoted: an id comes from the server, and the user pastes the command into a shell.
    command = join(("bulkops", *look))
    advice = f"The change may or may not have taken effect. Check before you try again: {command}"
    try:
        yield
    except CancelledError:
        # Ctrl-C while waiting for the answer.
        note("", f"Interrupted. {advice}")
        raise
    except (NoResponse, ServerBroken) as error:
        if isinstance(error, NoResponse) and not error.sent:
            raise
        raise BulkopsError(f"{error}\n{advice}") from error
