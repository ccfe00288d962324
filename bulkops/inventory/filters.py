"""Query parameters that shorten the server's list of workspaces. Pure.

They never leave out a workspace that would be selected; the matcher still decides about each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bulkops.api.resources import is_id
from bulkops.job.patterns import REGEX
from bulkops.job.select import Select


def server_filters(select: Select, project_id: str | None) -> dict[str, str]:
    """Return query parameters for the workspace list that keep every selected workspace.

    Sent are the project, if there is a single one whose id is known; a name, if there is a single
    glob; and ``key=value`` as a tag binding. Never sent are ``ids`` and ``where``, for which the
    API has no filter; exclusions, because bulkops reports those that exclude nothing; and a ``key``
    alone, which matches tags and tag bindings, while the API filters only by one of them
    (``search[tags]`` misses tag bindings, hashicorp/terraform#39107).
    """
    bindings = [tag.split("=", 1) for tag in select.tags if "=" in tag]
    filters = {
        "search[wildcard-name]": _server_wildcard(select.only) or _server_wildcard(select.names),
        "filter[project][id]": project_id if select.project else _only_id(select.projects),
        **{f"filter[tagged][{i}][key]": key for i, (key, _) in enumerate(bindings)},
        **{f"filter[tagged][{i}][value]": value for i, (_, value) in enumerate(bindings)},
    }
    return {name: value for name, value in filters.items() if value}


def _only_id(projects: Sequence[str]) -> str | None:
    return projects[0] if len(projects) == 1 and is_id(projects[0], "prj") else None


def _server_wildcard(patterns: Sequence[str]) -> str | None:
    # The API documents "*" as prefix, suffix or both, but not in the middle, nor names without
    # one: only documented forms are sent, and they are never narrower than the pattern.
    if len(patterns) != 1 or patterns[0].startswith(REGEX):
        return None
    (glob,) = patterns
    if not re.fullmatch(r"[A-Za-z0-9_.*-]+", glob):
        return None
    head, *rest = glob.split("*")
    if head:
        return f"{head}*"
    if tail := rest[-1]:
        return f"*{tail}"
    middle = max(rest, key=len)
    return f"*{middle}*" if middle else None
