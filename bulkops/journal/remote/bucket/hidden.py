"""Hides variables of this process from obstore, which by itself reads more than it is given."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_PREFIXES = {"s3": ("AWS_",), "az": ("AZURE_",), "gs": ("GOOGLE_", "SERVICE_ACCOUNT")}
_LOCK = threading.Lock()


@contextmanager
def others_hidden(scheme: str, config: Mapping[str, str]) -> Iterator[None]:
    """Hide what doesn't count while a store is opened: obstore reads the environment only then.

    It would take an empty variable for a key, and ``AWS_SKIP_SIGNATURE`` for a wish.

    Args:
        config: what counts. A variable with the same name and value stays visible, so that other
            threads of this process don't miss it meanwhile.
    """
    with _LOCK:
        others = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(_PREFIXES[scheme]) and config.get(name.lower()) != value
        }
        for name in others:
            del os.environ[name]
        try:
            yield
        finally:
            os.environ.update(others)
