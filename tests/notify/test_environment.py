"""What the variables that ``[notify]`` names may hold, and that nothing of it is shown."""

from __future__ import annotations

import pytest

from bulkops.errors import JobError
from bulkops.notify.environment import text_in, url_in
from tests.engine.world import job

JOB = job()


@pytest.mark.parametrize(
    ("text", "address", "path", "query"),
    [
        ("https://hooks.example/T0/s3cret", "https://hooks.example", "/T0/s3cret", ()),
        (" https://HOOKS.example:443 \n", "https://hooks.example", "/", ()),
        ("https://h.example:8443/a%2Fb?", "https://h.example:8443", "/a%2Fb", ()),
        (
            "https://h.example/run?sp=%2Frun&sig=a%2Bb_c&empty=",
            "https://h.example",
            "/run",
            (("sp", "/run"), ("sig", "a+b_c"), ("empty", "")),
        ),
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080", "/x", ()),
        ("http://[::1]/x", "http://[::1]", "/x", ()),
        ("http://localhost/x", "http://localhost", "/x", ()),
    ],
)
def test_a_url_is_split(
    text: str, address: str, path: str, query: tuple[tuple[str, str], ...]
) -> None:
    """Into the address that a transport needs, and a request."""
    url = url_in(JOB, "url_env", "HOOK", {"HOOK": text})
    request = url.request("POST", b"{}", {"a": "b"})
    assert (url.address, request.path, request.query) == (address, path, query)
    assert (request.method, request.body, request.headers) == ("POST", b"{}", {"a": "b"})


@pytest.mark.parametrize(
    "text",
    [
        "hooks.example/s3cret",
        "/s3cret",
        "ftp://hooks.example/s3cret",
        "https:///s3cret",
        "https://ann:s3cret@hooks.example/",
        "https://hooks.example:s3cret/",
        "https://hooks.example/s3 cret",
        "https://hooks.example/s3cret\nHost: other",
        "https://hooks.example/s3crét",
        "https://[s3cret/",
        "https://s3cret.1/",
        "http://hooks.example/s3cret",
        "http://10.0.0.1/s3cret",
    ],
)
def test_anything_else_is_refused_without_a_word_of_it(text: str) -> None:
    """The message names the job, the field and the variable."""
    with pytest.raises(JobError) as refused:
        url_in(JOB, "url_env", "HOOK", {"HOOK": text})
    message = str(refused.value)
    assert message.startswith("scan: notify.url_env = HOOK: ")
    assert "s3c" not in message
    assert "10.0" not in message
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("env", [{}, {"HOOK": ""}, {"HOOK": "  "}])
def test_an_unset_variable_is_refused(env: dict[str, str]) -> None:
    """An empty one counts as unset."""
    with pytest.raises(JobError, match=r"^scan: notify.hmac_key_env = HOOK: .* is not set"):
        text_in(JOB, "hmac_key_env", "HOOK", env)


@pytest.mark.parametrize("variable", ["TFE_TOKEN", "TF_TOKEN_app_terraform_io"])
def test_a_token_of_the_api_signs_nothing(variable: str) -> None:
    """A job or journal from elsewhere can't have a signature made with the user's token."""
    with pytest.raises(
        JobError, match=rf"^scan: notify.hmac_key_env = {variable}: .* token of the"
    ):
        text_in(JOB, "hmac_key_env", variable, {variable: "t0ken"})


def test_a_url_is_in_no_repr() -> None:
    """So no traceback and no debugger shows it."""
    url = url_in(JOB, "url_env", "HOOK", {"HOOK": "https://hooks.example/s3cret"})
    assert repr(url) == "SecretUrl(HOOK)"
    assert not hasattr(url, "__dict__")
