"""The API's refusals: an exception that is converted to a JSON:API error object."""

from __future__ import annotations

_TITLES = {
    400: "bad request",
    401: "unauthorized",
    404: "not found",
    409: "conflict",
    415: "unsupported media type",
    422: "unprocessable entity",
    429: "Too many requests",
}


class Problem(Exception):
    """A refusal on its way to the client.

    Attributes:
        status: the HTTP status.
        detail: a human-readable sentence.
        pointer: a JSON pointer to the cause in the request's body; empty for none.
    """

    def __init__(self, status: int, detail: str, pointer: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.pointer = pointer

    def document(self) -> dict[str, object]:
        """Return the JSON:API error document."""
        invalid = self.pointer.startswith("/data/attributes/")
        error: dict[str, object] = {
            "status": str(self.status),
            "title": "invalid attribute" if invalid else _TITLES.get(self.status, "error"),
            "detail": self.detail,
        }
        if self.pointer:
            error["source"] = {"pointer": self.pointer}
        return {"errors": [error]}


def not_found(what: str) -> Problem:
    """Return a 404, which doesn't reveal whether the thing is missing or forbidden."""
    return Problem(404, f"{what} not found, or user unauthorized to perform action")


def unprocessable(detail: str, pointer: str = "") -> Problem:
    """Return a 422; ``pointer`` is relative to the body: ``/data/attributes/name``."""
    return Problem(422, detail, pointer)
