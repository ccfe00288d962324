"""``[rollout]`` of a fleet file: waves over shards, and how many may fail. Pure.

Shards are ordered by name, by code point, so that every machine has the same order. An entry of
``waves`` is a size or a pattern:

| entry                 | the wave consists of                                                   |
|-----------------------|------------------------------------------------------------------------|
| ``"acme-eu"``         | that shard                                                             |
| ``"acme-*"``          | the shards whose names match                                           |
| ``"3"``               | the next shards by name, until 3 are in this wave and those before it  |
| ``"25%"``             | the same, until a quarter of all shards are; rounded up                |
| none, after the last  | the shards that are left                                               |

Case makes no difference, as no two shards have names that differ in it alone. A shard is in the
first wave that it belongs to, and a wave without shards is left out. Digits are always a number: a
shard whose name is ``7`` is named by ``"[7]"``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from bulkops.checking import shown
from bulkops.job.patterns import matches
from bulkops.job.rollout import Count, Share, check_growing, end_of, read_number, share_of
from bulkops.text import counted

Entry = Annotated[
    str,
    Meta(
        pattern=r"^(0{0,8}[1-9][0-9]{0,8}|(100|[1-9][0-9]?)%"
        r"|[0-9]*[A-Za-z_*?\[\]!-][A-Za-z0-9_*?\[\]!-]*)\Z",
        description='a shard\'s name or a glob such as "acme-*", or a number or a percentage such '
        'as "1" or "25%"',
    ),
]


class FleetRollout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``[rollout]``: waves over shards, and how many may fail.

    Attributes:
        waves: the shards of each wave, by name or glob, or where the wave ends, counted from the
            first shard; the shards after the last of these form one more wave.
        max_failed_shards: how many shards may fail; after one more, those that have begun are
            finished and no other one begins.
        max_failures: how many operations may fail in all shards together; after one more, no other
            shard begins, either. A percentage is of the operations planned in the shards that have
            begun. Each shard has the job's own tolerance, too.

    Raises:
        ValueError: a wave is listed twice, or doesn't end after the previous one.
    """

    waves: tuple[Entry, ...] = ()
    max_failed_shards: Count = 0
    max_failures: Count | Share | None = None

    def __post_init__(self) -> None:
        """Read ``"2"`` as 2, and refuse waves that certainly don't grow."""
        read_number(self, self.max_failures)
        check_growing([entry for entry in self.waves if _is_size(entry)], "shard")
        for entry in self.waves:
            if self.waves.count(entry) > 1:
                raise ValueError(f"waves: {shown(entry)} is listed twice: remove one of them")

    def exceeded(self, failed: int, failures: int, operations: int) -> str:
        """Return why no other shard begins: what has failed too often; empty if nothing has.

        Args:
            failed: the number of failed shards.
            failures: the number of failed operations, in all shards.
            operations: the number of operations planned in the shards that have begun.
        """
        if failed > self.max_failed_shards:
            return (
                f"{counted(failed, 'shard')} failed, max_failed_shards = {self.max_failed_shards}"
            )
        most = self.max_failures
        if most is None or failures <= share_of(most, operations):
            return ""
        of_all = f"{failures:,} of {counted(operations, 'operation')}"
        return f"{of_all} failed, max_failures = {most}"

    def steps(self, names: Iterable[str]) -> list[tuple[str, ...]]:
        """Return the waves of the shards with these names, without empty ones.

        Raises:
            ValueError: a pattern matches no name; the message starts with its place.
        """
        every = sorted(names)
        left, steps = every, list[tuple[str, ...]]()
        for place, entry in enumerate([*self.waves, "100%"]):
            if _is_size(entry):
                end = min(len(every), end_of(entry, len(every)))
                wave = left[: max(0, end - len(every) + len(left))]
            else:
                matching = [name for name in every if matches(entry, name, any_case=True)]
                if not matching:
                    raise ValueError(_unmatched(f"waves[{place}]", entry, every))
                wave = [name for name in matching if name in left]
            if wave:
                steps.append(tuple(wave))
                left = [name for name in left if name not in wave]
        return steps


def _is_size(entry: str) -> bool:
    return entry.removesuffix("%").isdecimal()


def _unmatched(where: str, entry: str, names: list[str]) -> str:
    near = difflib.get_close_matches(entry, names, n=1)
    hint = f'did you mean "{near[0]}"?' if near else "give the name of a shard, or a glob"
    return f"{where} = {shown(entry)}: matches no shard: {hint}"
