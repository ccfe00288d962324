"""External ids that look like the server's, determined by a seed."""

from __future__ import annotations

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_LENGTH = 16
_SPACE = len(_ALPHABET) ** _LENGTH
# Coprime to 58, so that multiplying yields every id once; near the golden ratio of the space, so
# that consecutive ids are far apart.
_STRIDE = 10_135_851_912_348_345_997_107_906_335


class Ids:
    """Generates ids such as ``ws-YnyXLq9fy38afEeb``, which are unique and in no order."""

    def __init__(self, seed: int) -> None:
        self._number = seed * 1_000_003

    def new(self, prefix: str) -> str:
        """Return a new id with this prefix."""
        self._number += 1
        rest = self._number * _STRIDE % _SPACE
        characters = []
        for _ in range(_LENGTH):
            rest, digit = divmod(rest, len(_ALPHABET))
            characters.append(_ALPHABET[digit])
        return f"{prefix}-{''.join(characters)}"
