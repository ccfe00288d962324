"""Decides which shards of a fleet are this process's. Pure.

A process is one of n, by ``--shard i/n`` or by what its platform puts into the environment:

| platform         | index                         | count                        | from |
|------------------|-------------------------------|------------------------------|------|
| ``--shard i/n``  | ``i``                         | ``n``                        | 1    |
| Kubernetes       | ``JOB_COMPLETION_INDEX``      | that of the listed shards    | 0    |
| AWS Batch        | ``AWS_BATCH_JOB_ARRAY_INDEX`` | ``AWS_BATCH_JOB_ARRAY_SIZE`` | 0    |
| Cloud Run        | ``CLOUD_RUN_TASK_INDEX``      | ``CLOUD_RUN_TASK_COUNT``     | 0    |
| GitLab           | ``CI_NODE_INDEX``             | ``CI_NODE_TOTAL``            | 1    |
| Slurm            | ``SLURM_ARRAY_TASK_ID``       | ``SLURM_ARRAY_TASK_COUNT``   | MIN  |

These are Indexed Jobs, array jobs, jobs with tasks, and ``parallel``; MIN is
``SLURM_ARRAY_TASK_MIN``.

An empty variable counts as unset, and a count without an index (GitLab always sets one) says
nothing. With neither option nor index, all shards are this process's.

**Listed shards** are taken by position: those at i, i+n, … in the order of their waves, and of
their names in a wave. A platform that runs fewer processes at a time than there are starts the
lowest indices first, so that none waits for a wave whose process can't start before it has ended.
The list changes only with the fleet file, of which the processes of one start have the same
version.

**Found shards** (``organizations``) are taken by a hash of the name, modulo n. Each process finds
them by itself, at another moment, and the list may have changed in between: with positions, one
organization more would shift those after it, so that some had two owners and others none. A hash
depends only on the name and on n: every organization has exactly one owner, whoever else is in the
list. The parts are less even, and so a process may have nothing to do.

Neither decides who *may* run a shard: that is who holds its journal. Another n after a restart
does no harm, since a shard is resumed from its journal by whichever process it now belongs to. In
which order the shards of all processes begin, ``bulkops.fleet.waves`` decides.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import msgspec

from bulkops.checking import not_allowed
from bulkops.errors import JobError
from bulkops.fleet.fleet import Fleet, Shard


class Position(msgspec.Struct, frozen=True):
    """Which of several processes this one is.

    Attributes:
        index: from 0.
        count: the number of processes; ``None`` for as many as there are listed shards.
        origin: what says so, for messages.
    """

    index: int
    count: int | None
    origin: str


class _Platform(msgspec.Struct, frozen=True):
    """The variables of a platform.

    Attributes:
        count: ``None`` if the platform doesn't tell.
        first: the first index, or the variable that has it.
    """

    name: str
    index: str
    count: str | None
    first: int | str


PLATFORMS = (
    _Platform("Kubernetes", "JOB_COMPLETION_INDEX", None, 0),
    _Platform("AWS Batch", "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE", 0),
    _Platform("Cloud Run", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT", 0),
    _Platform("GitLab", "CI_NODE_INDEX", "CI_NODE_TOTAL", 1),
    _Platform(
        "Slurm",
        "SLURM_ARRAY_TASK_ID",
        "SLURM_ARRAY_TASK_COUNT",
        "SLURM_ARRAY_TASK_MIN",
    ),
)
_NUMBER = re.compile(r"[0-9]{1,9}")
_OPTION = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,8})")


def position(option: str | None, env: Mapping[str, str]) -> Position | None:
    """Return which of several processes this one is; ``None`` if nothing says so.

    Args:
        option: the value of ``--shard``.
        env: the environment.

    Raises:
        JobError: the option or a variable is malformed, a count is missing or too small, or two
            of them disagree.
    """
    said = [] if option is None else [_of_option(option)]
    said += [_of_platform(one, env) for one in PLATFORMS if env.get(one.index)]
    indices, counts = {one.index for one in said}, {one.count for one in said} - {None}
    if len(indices) > 1 or len(counts) > 1:
        origins = " and ".join(one.origin for one in said)
        raise JobError(
            f"{origins} disagree about which shards are this process's: unset what is not meant"
        )
    return max(said, key=lambda one: one.count is not None, default=None)


def own_shards(fleet: Fleet, at: Position | None) -> tuple[Shard, ...]:
    """Return the shards of this process, by name; none if there are fewer than processes.

    Raises:
        JobError: the number of processes is not known, because the shards are not listed; or an
            entry of ``waves`` matches no shard.
    """
    if at is None:
        return fleet.shards
    if not fleet.organizations:
        return _in_turn(fleet)[at.index :: at.count or len(fleet.shards)]
    if at.count is None:
        raise JobError(
            f"{fleet.source}: {at.origin} gives no number of processes, and organizations no fixed "
            "number of shards: list the shards as [[shard]], or pass --shard I/N"
        )
    count = at.count
    return tuple(shard for shard in fleet.shards if _hash(shard.name) % count == at.index)


def _in_turn(fleet: Fleet) -> tuple[Shard, ...]:
    by_name = {shard.name: shard for shard in fleet.shards}
    return tuple(by_name[name] for wave in fleet.waves() for name in wave)


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest())


def _of_option(text: str) -> Position:
    found = _OPTION.fullmatch(text)
    if not found or int(found[1]) > int(found[2]):
        raise not_allowed("--shard", text, 'I/N with I from 1 to N, such as "2/8"')
    return Position(int(found[1]) - 1, int(found[2]), f"--shard {text}")


def _of_platform(platform: _Platform, env: Mapping[str, str]) -> Position:
    first = platform.first if isinstance(platform.first, int) else _number(platform.first, env)
    given = _number(platform.index, env)
    origin = f"{platform.index} = {given}"
    if platform.count is None:
        return Position(given - first, None, origin)
    count = _number(platform.count, env)
    if not 0 <= given - first < count:
        raise JobError(
            f"{origin} is not one of {count} from {first} on ({platform.count} = {count}): number "
            "the processes without gaps, or pass --shard"
        )
    return Position(given - first, count, f"{origin} of {count}")


def _number(name: str, env: Mapping[str, str]) -> int:
    text = env.get(name, "")
    if not _NUMBER.fullmatch(text):
        raise not_allowed(name, text, "a whole number: unset it, or pass --shard")
    return int(text)
