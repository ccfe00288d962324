"""The answer to a write in words, for the reason of a result. Pure."""

from __future__ import annotations

from bulkops.api.failures import error_texts
from bulkops.api.messages import Response
from bulkops.errors import NoResponse
from bulkops.runner.readback import Cause

Answer = Response | NoResponse | None
"""The answer to a write; ``None`` if an earlier execution sent it."""


def unobserved(cause: Cause, answer: Answer, error: str) -> str:
    """Return the reason for a write whose effect could not be read back."""
    if not error:
        return f"its answer was lost ({described(answer)}) and it can't be read back"
    lost = f"its answer was lost ({described(answer)}) and"
    if cause is Cause.NO_ECHO:
        lost = f"the server accepted it ({described(answer)}), but"
    return f"{lost} it could not be read back: {error}"


def described(answer: Answer) -> str:
    """Return an answer in words: ``503 Service Unavailable``, ``no answer for 30 s``."""
    if answer is None:
        return "in an earlier execution"
    if isinstance(answer, NoResponse):
        return str(answer)
    texts = "; ".join(error_texts(answer))
    both = " (missing, or this token has no access)" if answer.status in (403, 404) else ""
    return f"{answer.status} {texts}".strip() + both
