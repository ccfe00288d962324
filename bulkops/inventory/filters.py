"""What the server is asked to leave out of its list of workspaces. Pure.

Only where that leaves out nothing that would be selected: the matcher decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bulkops.job.patterns import REGEX
from bulkops.job.select import Select


def server_filters(select: Select, project_id: str | None) -> dict[str, str]:
    """Return query parameters of the workspace list that leave out none of the selected.

    A project is sent where its id is known; a name where there is one glob; ``key=value`` as the
    tag binding it is. Never sent: ``ids`` and ``where``, for which the API has no filter;
    exclusions, because one that excludes nothing is reported; and a ``key`` alone, which stands
    for tags and tag bindings: the API filters by either (``search[tags]`` misses tag bindings,
    hashicorp/terraform#39107).
    """
    bindings = [tag.split("=", 1) for tag in select.tags if "=" in tag]
    filters = {
        "search[wildcard-name]": _server_wildcard(select.only) or _server_wildcard(select.names),
        "filter[project][id]": project_id if select.project else None,
        **{f"filter[tagged][{i}][key]": key for i, (key, _) in enumerate(bindings)},
        **{f"filter[tagged][{i}][value]": value for i, (_, value) in enumerate(bindings)},
    }
    return {name: value for name, value in filters.items() if value}


def _server_wildcard(patterns: Sequence[str]) -> str | None:
    # The API promises "*" as prefix, suffix or both, and doesn't say what a "*" in the middle
    # or a name without one match: what is sent keeps to the promise and is never narrower.
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
