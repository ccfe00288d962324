"""Hides variables of this process from obstore, which by itself reads more than it is given."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PREFIXES = {"s3": ("AWS_",), "az": ("AZURE_",), "gs": ("GOOGLE_", "SERVICE_ACCOUNT")}
_LOCK = threading.Lock()


@contextmanager
def environment_hidden(scheme: str) -> Iterator[None]:
    """Hide a cloud's variables while a store is opened: obstore reads the environment only then.

    It would take an empty variable for a key, and ``AWS_SKIP_SIGNATURE`` for a wish.

    ``os.environ`` keeps them, since other threads read it meanwhile.
    """
    with _LOCK:
        hidden = {
            name: value for name, value in os.environ.items() if name.startswith(_PREFIXES[scheme])
        }
        for name in hidden:
            os.unsetenv(name)
        try:
            yield
        finally:
            for name, value in hidden.items():
                os.putenv(name, value)
