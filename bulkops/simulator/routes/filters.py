"""The filters of lists, as functions that a record must satisfy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from bulkops.simulator.messages.call import Call
from bulkops.simulator.state import Workspace

Filter: TypeAlias = Callable[[Workspace], bool]
_TAGGED = re.compile(r"filter\[tagged\]\[(?P<number>\d+)\]\[(?P<part>key|value)\]")


def filters(call: Call) -> list[Filter]:
    """Return the filters of a list of workspaces, all of which each must match."""
    return [
        _PARAMETERS[name](value)
        for name, value in call.query.items()
        if name in _PARAMETERS and value
    ] + _tagged(call)


def _named_like(text: str) -> Filter:
    part = text.casefold()
    return lambda workspace: part in workspace.name.casefold()


def _named_by_wildcard(text: str) -> Filter:
    pattern = re.compile(".*".join(re.escape(part) for part in text.split("*")))
    return lambda workspace: pattern.fullmatch(workspace.name) is not None


def _with_all_tags(text: str) -> Filter:
    required = set(text.lower().split(","))
    return lambda workspace: required.issubset(workspace.tags)


def _with_none_of_tags(text: str) -> Filter:
    excluded = set(text.lower().split(","))
    return lambda workspace: excluded.isdisjoint(workspace.tags)


def _in_project(text: str) -> Filter:
    return lambda workspace: workspace.project.id == text


def _never(_text: str) -> Filter:
    """Match nothing: no simulated workspace ever had a Terraform run with a status."""
    return lambda _workspace: False


_PARAMETERS: dict[str, Callable[[str], Filter]] = {
    "search[name]": _named_like,
    "search[wildcard-name]": _named_by_wildcard,
    "search[tags]": _with_all_tags,
    "search[exclude-tags]": _with_none_of_tags,
    "filter[project][id]": _in_project,
    "filter[current-run][status]": _never,
}


def tagged(call: Call) -> list[tuple[str, str]]:
    """Return the key and value of each ``filter[tagged][i]``; an empty value matches any."""
    parts: dict[str, dict[str, str]] = {}
    for name, value in call.query.items():
        if found := _TAGGED.fullmatch(name):
            parts.setdefault(found["number"], {})[found["part"]] = value
    return [(part.get("key", ""), part.get("value", "")) for part in parts.values()]


def carries(call: Call, bindings: Mapping[str, str], required: Sequence[tuple[str, str]]) -> bool:
    """Return whether tag bindings have each of these keys, with this value unless it is empty.

    With ``filter[tag-union]``, one of them is enough.
    """
    enough = any if required and call.query.get("filter[tag-union]") == "true" else all
    return enough(key in bindings and value in ("", bindings[key]) for key, value in required)


def _tagged(call: Call) -> list[Filter]:
    required = tagged(call)
    if not required:
        return []
    return [
        lambda workspace: carries(
            call, workspace.project.tag_bindings | workspace.tag_bindings, required
        )
    ]
