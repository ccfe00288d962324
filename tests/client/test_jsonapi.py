"""Documents to values: every shape that was seen of a server, and any garbage."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec
from hypothesis import strategies as st

from bulkops.exchange import Request, Response

Sample: TypeAlias = Callable[..., Response]
MEMBERS = [
    *("data", "errors", "id", "type", "attributes", "relationships", "included", "meta"),
    *("pagination", "title", "detail", "source", "pointer", "total-pages", "stages"),
]
READ = Request("GET", "/api/v2/ping")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(MEMBERS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
BODIES = st.binary(max_size=200) | JSON.map(msgspec.json.encode)
