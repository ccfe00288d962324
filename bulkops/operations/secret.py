"""A spec's secret: where a job file says that it is, and the key that is read from there. Pure."""

from __future__ import annotations

import hashlib

import msgspec


class HmacKey:
    """A run task's new HMAC key, which must not appear in a journal, report, log or traceback."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        """Return a text without the key."""
        return "HmacKey(…)"

    @property
    def digest(self) -> str:
        """Its SHA-256, in hex."""
        return hashlib.sha256(self._text.encode()).hexdigest()

    def reveal(self) -> str:
        """Return the key itself, for the one request that sets it."""
        return self._text


class Secret(msgspec.Struct, frozen=True):
    """Where a spec's secret is: in an environment variable or in a file.

    Attributes:
        field: the field of the spec that names the place.
        shown_as: the attribute that holds its SHA-256 in an operation's ``desired``.
        env, file: the variable's name, or the file's path; the other one is empty.
    """

    field: str
    shown_as: str
    env: str = ""
    file: str = ""
