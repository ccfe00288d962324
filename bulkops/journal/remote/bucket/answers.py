"""What a failed call to an object store means, read from obstore's exception. Pure.

obstore says what happened in the exception's class and in its text, which has the status, the
server's answer and the URL. Only the status and the server's code are repeated: the rest may
contain a signature or a token.

| obstore's exception                               | status, code                | meaning        |
|---------------------------------------------------|-----------------------------|----------------|
| any                                               | no such bucket              | denied         |
| ``AlreadyExistsError``, ``PreconditionError``,    |                             | refused        |
| ``NotModifiedError``                              |                             |                |
| ``FileNotFoundError``                             |                             | absent         |
| any other                                         | 401, 403, other 4xx, 3xx,   | denied         |
|                                                   | 501                         |                |
|                                                   | 408, 429, 5xx, "slow down"  | no answer      |
|                                                   | none: untrusted certificate | denied         |
|                                                   | none: no connection, …      | no answer      |
| any other, from a request for credentials         | any                         | no credentials |
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple
from urllib.parse import urlsplit


class Meaning(Enum):
    """What a failed call means for its caller."""

    ABSENT = "there is no such object"
    REFUSED = "the condition was not met"
    DENIED = "the store refuses the caller"
    NO_ANSWER = "the call may have taken effect"
    NO_CREDENTIALS = "no credentials could be got"


class Failure(NamedTuple):
    """A failed call.

    Attributes:
        reason: for a message: one line, without secrets.
    """

    meaning: Meaning
    reason: str


_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>\s*(\w{1,60})\s*</Code>|\"(?:error|code)\":\s*\"(\w{1,60})\"")
_REQUEST = re.compile(r"Error performing [A-Z]+ (\S+)")
_KIND = re.compile(r"kind: (Connect|Timeout|Interrupted|Request|Decode)\b")
_CERTIFICATE = re.compile(r"InvalidCertificate\(\s*(\w{1,40})")
_CREDENTIALS = re.compile("token|credential", re.IGNORECASE)
_SYSTEM = re.compile(r'message: "([A-Za-z ]{1,60})"')

_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted", "FilesystemNotFound")
_TRY_AGAIN = ("RequestTimeout", "InternalError", "SlowDown", "ServiceUnavailable", "ServerBusy")
_EXPECTED = {
    **dict.fromkeys(
        ("AlreadyExistsError", "PreconditionError", "NotModifiedError"), Meaning.REFUSED
    ),
    "FileNotFoundError": Meaning.ABSENT,
}
_HINTS = {
    "RequestTimeTooSkewed": "this machine's clock is wrong",
    "ExpiredToken": "the credentials have expired",
    "TokenRefreshRequired": "the credentials have expired",
    "InvalidToken": "AWS_SESSION_TOKEN is wrong, or is not that of the access key",
    "PermanentRedirect": "the bucket is in another region: set AWS_REGION",
    "AuthorizationHeaderMalformed": "the bucket is in another region: set AWS_REGION",
    "IllegalLocationConstraintException": "the bucket is in another region: set AWS_REGION",
    "AccessDenied": "the credentials don't have the right to {right}",
    "AuthorizationPermissionMismatch": "the credentials don't have the right to {right}",
    "InvalidAccessKeyId": "the store doesn't know this access key",
    "SignatureDoesNotMatch": "the secret key is wrong",
    "AuthenticationFailed": "the key or signature is wrong, or has expired",
}
"""The server's codes that say what to do."""


def failure_of(
    kind: str, text: str, *, bucket: str, endpoint: str, right: str = "do this"
) -> Failure:
    """Return what a failed call means, according to the table above.

    Args:
        kind: the name of the exception's class.
        text: the exception's text.
        endpoint: the store's URL; a failed request to another server was one for credentials.
        right: what the call needs the right to do.
    """
    status, code = _status(text), _code(text)
    asked = _REQUEST.search(text)
    if asked and _server(asked[1]) not in (None, _server(endpoint)):
        return Failure(Meaning.NO_CREDENTIALS, f"no credentials{_answered(status, code)}")
    if code in _NO_BUCKET:
        return Failure(Meaning.DENIED, f"there is no bucket {bucket} ({code})")
    if kind in _EXPECTED:
        return Failure(_EXPECTED[kind], f"the store answered {status}{_in_brackets(code)}")
    if status == 0:
        return _unanswered(text, endpoint, asked=asked is not None)
    return _refusal(status, code, right)


def _refusal(status: int, code: str, right: str) -> Failure:
    """Return the failure of a call to which the store answered with another status."""
    if status == 501:
        reason = f"the store doesn't know a request that a journal needs{_in_brackets(code)}"
        return Failure(Meaning.DENIED, reason)
    if status in (408, 429) or status >= 500 or code in _TRY_AGAIN:
        return Failure(Meaning.NO_ANSWER, f"the store answered {status}{_in_brackets(code)}")
    default = f"the store answered {status}"
    if status in (401, 403):
        default = "the store refused the credentials"
    reason = _HINTS.get(code, default).format(right=right)
    return Failure(Meaning.DENIED, reason + _in_brackets(code))


def _server(url: str) -> tuple[str, int | None] | None:
    """Return a URL's host and port; ``None`` for what obstore writes in place of a URL."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return (parts.hostname, port) if parts.hostname else None


def _status(text: str) -> int:
    found = _STATUS.search(text)
    return int(found[1]) if found else 0


def _code(text: str) -> str:
    found = _CODE.search(text)
    return found[1] or found[2] if found else ""


def _in_brackets(code: str) -> str:
    return f" ({code})" if code else ""


def _answered(status: int, code: str) -> str:
    return f": the server for credentials answered {status}{_in_brackets(code)}" if status else ""


def _unanswered(text: str, endpoint: str, *, asked: bool) -> Failure:
    """Return the failure of a call to which no server answered with a status."""
    certificate = _CERTIFICATE.search(text)
    if certificate:
        reason = f"the certificate of {endpoint} is not valid here ({certificate[1]})"
        if certificate[1] == "UnknownIssuer":
            reason += "; SSL_CERT_FILE names a file with authorities to trust"
        return Failure(Meaning.DENIED, reason)
    if "InvalidContentType" in text:
        return Failure(Meaning.DENIED, f"{endpoint} does not speak https")
    if "BareRedirect" in text:
        return Failure(Meaning.DENIED, _HINTS["PermanentRedirect"])
    if not asked and _CREDENTIALS.search(text):
        return Failure(Meaning.NO_CREDENTIALS, "no credentials")
    if "MissingEtag" in text:
        return Failure(Meaning.NO_ANSWER, "the answer names no version (ETag)")
    kind = _KIND.search(text)
    words = {
        "Connect": f"no connection to {endpoint}{_detail(text)}",
        "Timeout": f"no answer from {endpoint} in time",
        "Interrupted": f"the connection to {endpoint} broke{_detail(text)}",
    }
    return Failure(
        Meaning.NO_ANSWER,
        words.get(kind[1] if kind else "", f"no readable answer from {endpoint}"),
    )


def _detail(text: str) -> str:
    """Return what the system says about a connection, in brackets; empty if it says nothing."""
    if "failed to lookup address" in text:
        return " (no such host)"
    system = _SYSTEM.search(text)
    return f" ({system[1].lower()})" if system else ""


_UNUSABLE = {
    "InvalidAccessKey": "the account's key is not valid base64",
    "OpenCredentials": "the file that GOOGLE_APPLICATION_CREDENTIALS names can't be read",
    "MissingSasComponent": "the SAS token is not a list of NAME=VALUE&NAME=VALUE",
    "root_certificate": "the file that AWS_CA_BUNDLE names has no certificate",
}


def unusable(text: str) -> str:
    """Return why obstore can't open a store, from its exception's text, without secrets."""
    if "external_account" in text:
        return (
            "GOOGLE_APPLICATION_CREDENTIALS names a file of workload identity federation, which "
            "is not supported: set GOOGLE_BEARER_TOKEN to the output of `gcloud auth "
            "print-access-token` (valid for an hour), or use a service account's key"
        )
    if "DecodeCredentials" in text:
        return "the file with Google's credentials is not one of a service account or user"
    known = (words for name, words in _UNUSABLE.items() if name in text)
    return next(known, "the store's settings in the environment can't be used")


def panicked(text: str) -> str:
    """Return why obstore gave up on a request, from its panic's text."""
    if "InvalidHeaderValue" in text:
        return "a key or token has a line break, or a character that no key or token may have"
    return "obstore, the store's client, panicked: its message is above; try again, or report it"
