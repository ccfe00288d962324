"""Where a redirect leads: it is not followed, because the token is for one host only. Pure."""

from __future__ import annotations

import re

from bulkops.api.messages import Response
from bulkops.text import printable

_USER = re.compile(r"^([a-z]+:)?//[^/]*@", re.IGNORECASE)


def redirect_texts(answer: Response) -> tuple[str, ...]:
    """Return ``("the server redirects to https://…",)`` for a redirect, else ``()``.

    A single sign-on puts tokens into the query or fragment of its addresses, so neither is shown.
    """
    location = answer.headers.get("location", "")
    if not (location and 300 <= answer.status < 400):
        return ()
    shown, *secret = re.split(r"([?#])", location, maxsplit=1)
    shown = _USER.sub(r"\1//", shown)
    return (f"the server redirects to {printable(shown)}{f'{secret[0]}…' if secret else ''}",)
