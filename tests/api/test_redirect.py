"""A redirect's target is part of every message about it, but no token in it."""

from __future__ import annotations

import pytest

from bulkops.api.failures import error_texts, redirect_texts
from bulkops.api.messages import Response


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://sso.example.com/login", "https://sso.example.com/login"),
        ("https://sso.example.com/saml?token=s3cret#s3cret", "https://sso.example.com/saml?…"),
        ("/login#access_token=s3cret", "/login#…"),
        ("https://ann:s3cret@tfe.example.com/", "https://tfe.example.com/"),
        ("//s3cret@tfe.example.com", "//tfe.example.com"),
        ("https://a.example/\x1b[31m", "https://a.example/ [31m"),
        ("?s3cret", "?…"),
    ],
)
def test_where_a_redirect_leads(location: str, shown: str) -> None:
    """Neither user nor query nor fragment is shown; a sign-on puts tokens there."""
    answer = Response(302, {"location": location}, b"<title>302 Found</title>")
    assert redirect_texts(answer) == (f"the server redirects to {shown}",)
    assert error_texts(answer) == ("Found", f"the server redirects to {shown}")


@pytest.mark.parametrize("status", [200, 201, 299, 400])
def test_another_answer_is_no_redirect(status: int) -> None:
    """A Location beside a new resource doesn't count."""
    assert redirect_texts(Response(status, {"location": "/x"})) == ()
    assert redirect_texts(Response(302)) == ()
