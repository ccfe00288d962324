"""What obstore's exceptions mean; their texts are as obstore 0.12.1 wrote them, shortened."""

from __future__ import annotations

import pytest

from bulkops.journal.remote.bucket.answers import Failure, Meaning, failure_of, panicked, unusable

ENDPOINT = "https://s3.example.com:9000"
SECRET = "wJalrXUtnFEMI"
BODY = """<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>{}</Code><Message>{} wJalrXUtnFEMI</Message><Resource>/b/a</Resource></Error>"""


def status(number: int, code: str = "", *, method: str = "PUT", url: str = ENDPOINT) -> str:
    """Return the text of an exception for an answer."""
    body = BODY.format(code, code) if code else ""
    return (
        f"Generic S3 error: Error performing {method} {url}/b/a?sig={SECRET} in 797.257µs, after 2 "
        f"retries, max_retries: 2, retry_timeout: 10s  - Server returned non-2xx status code: "
        f"{number} Something: {body}\n\nDebug source:\nGeneric {{\n ..."
    )


def transport(kind: str, source: str) -> str:
    """Return the text of an exception for a request without an answer."""
    return f"""Generic S3 error: Error performing PUT {ENDPOINT}/b/a in 1.0s - HTTP error: error sending request

Debug source:
Generic {{
    store: "S3",
    source: RetryError(
            inner: Http(
                HttpError {{
                    kind: {kind},
                    source: reqwest::Error {{
                        kind: Request,
                        source: {source}"""  # noqa: E501 - as obstore writes it


REFUSED = 'Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }'
RESET = 'Os { code: 104, kind: ConnectionReset, message: "Connection reset by peer" }'
NAME = 'error: "failed to lookup address information: Name or service not known"'


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        *(
            (kind, status(number, code), Failure(meaning, f"the store answered {number}{shown}"))
            for kind, number, code, shown, meaning in (
                ("AlreadyExistsError", 412, "Failed", " (Failed)", Meaning.REFUSED),
                ("AlreadyExistsError", 409, "BlobExists", " (BlobExists)", Meaning.REFUSED),
                ("PreconditionError", 412, "", "", Meaning.REFUSED),
                ("PreconditionError", 404, "NoSuchKey", " (NoSuchKey)", Meaning.REFUSED),
                ("NotModifiedError", 304, "", "", Meaning.REFUSED),
                ("FileNotFoundError", 404, "NoSuchKey", " (NoSuchKey)", Meaning.ABSENT),
                ("FileNotFoundError", 404, "", "", Meaning.ABSENT),
            )
        ),
        (
            "FileNotFoundError",
            status(404, "NoSuchBucket"),
            Failure(Meaning.DENIED, "there is no bucket b (NoSuchBucket)"),
        ),
        (
            "PreconditionError",
            status(404, "NoSuchBucket"),
            Failure(Meaning.DENIED, "there is no bucket b (NoSuchBucket)"),
        ),
        (
            "GenericError",
            status(404, "ContainerNotFound", method="GET"),
            Failure(Meaning.DENIED, "there is no bucket b (ContainerNotFound)"),
        ),
        (
            "GenericError",
            status(403, "SignatureDoesNotMatch"),
            Failure(Meaning.DENIED, "the secret key is wrong (SignatureDoesNotMatch)"),
        ),
        (
            "PermissionDeniedError",
            status(403, "AccessDenied"),
            Failure(
                Meaning.DENIED, "the credentials don't have the right to do this (AccessDenied)"
            ),
        ),
        (
            "UnauthenticatedError",
            status(401),
            Failure(Meaning.DENIED, "the store refused the credentials"),
        ),
        (
            "GenericError",
            status(400, "ExpiredToken"),
            Failure(Meaning.DENIED, "the credentials have expired (ExpiredToken)"),
        ),
        (
            "GenericError",
            status(400, "InvalidToken"),
            Failure(
                Meaning.DENIED,
                "AWS_SESSION_TOKEN is wrong, or is not that of the access key (InvalidToken)",
            ),
        ),
        ("GenericError", status(405), Failure(Meaning.DENIED, "the store answered 405")),
        (
            "GenericError",
            status(301, "PermanentRedirect"),
            Failure(
                Meaning.DENIED,
                "the bucket is in another region: set AWS_REGION (PermanentRedirect)",
            ),
        ),
        (
            "GenericError",
            f"Error performing GET {ENDPOINT}/b/a in 1s - Received redirect without LOCATION\n\n"
            "Debug source:\n inner: BareRedirect",
            Failure(Meaning.DENIED, "the bucket is in another region: set AWS_REGION"),
        ),
        (
            "GenericError",
            status(501, "NotImplemented"),
            Failure(
                Meaning.DENIED,
                "the store doesn't know a request that a journal needs (NotImplemented)",
            ),
        ),
        (
            "GenericError",
            status(503, "SlowDown"),
            Failure(Meaning.NO_ANSWER, "the store answered 503 (SlowDown)"),
        ),
        ("GenericError", status(500), Failure(Meaning.NO_ANSWER, "the store answered 500")),
        ("GenericError", status(429), Failure(Meaning.NO_ANSWER, "the store answered 429")),
        (
            "GenericError",
            status(400, "RequestTimeout"),
            Failure(Meaning.NO_ANSWER, "the store answered 400 (RequestTimeout)"),
        ),
        (
            "GenericError",
            transport("Connect", REFUSED),
            Failure(Meaning.NO_ANSWER, f"no connection to {ENDPOINT} (connection refused)"),
        ),
        (
            "GenericError",
            transport("Connect", NAME),
            Failure(Meaning.NO_ANSWER, f"no connection to {ENDPOINT} (no such host)"),
        ),
        (
            "GenericError",
            transport("Timeout", "TimedOut"),
            Failure(Meaning.NO_ANSWER, f"no answer from {ENDPOINT} in time"),
        ),
        (
            "GenericError",
            transport("Interrupted", RESET),
            Failure(
                Meaning.NO_ANSWER,
                f"the connection to {ENDPOINT} broke (connection reset by peer)",
            ),
        ),
        (
            "GenericError",
            transport("Unknown", "Other"),
            Failure(Meaning.NO_ANSWER, f"no readable answer from {ENDPOINT}"),
        ),
        (
            "GenericError",
            transport("Connect", "InvalidCertificate(\n   UnknownIssuer,"),
            Failure(
                Meaning.DENIED,
                f"the certificate of {ENDPOINT} is not valid here (UnknownIssuer); SSL_CERT_FILE "
                "names a file with authorities to trust",
            ),
        ),
        (
            "GenericError",
            transport("Connect", "InvalidCertificate(\n   ExpiredContext { time:"),
            Failure(
                Meaning.DENIED,
                f"the certificate of {ENDPOINT} is not valid here (ExpiredContext)",
            ),
        ),
        (
            "GenericError",
            transport("Connect", "InvalidMessage(\n  InvalidContentType,"),
            Failure(Meaning.DENIED, f"{ENDPOINT} does not speak https"),
        ),
        # The URL isn't there if it has a shared access signature.
        (
            "PermissionDeniedError",
            status(403, "AuthenticationFailed", url="REDACTED"),
            Failure(
                Meaning.DENIED,
                "the key or signature is wrong, or has expired (AuthenticationFailed)",
            ),
        ),
        (
            "GenericError",
            status(403, url="http://169.254.169.254/latest/api/token"),
            Failure(
                Meaning.NO_CREDENTIALS,
                "no credentials: the server for credentials answered 403",
            ),
        ),
        (
            "GenericError",
            status(404, "NoSuchBucket", url="https://sts.amazonaws.com"),
            Failure(
                Meaning.NO_CREDENTIALS,
                "no credentials: the server for credentials answered 404 (NoSuchBucket)",
            ),
        ),
        (
            "GenericError",
            "Error performing POST https://login.example.com/t in 1s - status code: 400 : "
            '{"error": "invalid_client", "error_description": "wJalrXUtnFEMI"}',
            Failure(
                Meaning.NO_CREDENTIALS,
                "no credentials: the server for credentials answered 400 (invalid_client)",
            ),
        ),
        (
            "GenericError",
            transport("Timeout", "TimedOut").replace(ENDPOINT, "http://169.254.169.254"),
            Failure(Meaning.NO_CREDENTIALS, "no credentials"),
        ),
        (
            "GenericError",
            "Generic S3 error: Failed to read token file '/t': No such file or directory",
            Failure(Meaning.NO_CREDENTIALS, "no credentials"),
        ),
    ],
)
def test_what_a_failed_call_means(kind: str, text: str, expected: Failure) -> None:
    """It follows from class, status and code; of the text only the code is repeated."""
    failure = failure_of(kind, text, bucket="b", endpoint=ENDPOINT)
    assert failure == expected
    assert SECRET not in failure.reason


@pytest.mark.parametrize("endpoint", ["https://S3.example.com:9000/x", f"{ENDPOINT}/"])
def test_a_server_is_known_in_any_spelling(endpoint: str) -> None:
    """The URLs in obstore's texts are in lower case and without a default port."""
    text = status(503)
    failure = failure_of("GenericError", text, bucket="b", endpoint=endpoint)
    assert failure.meaning is Meaning.NO_ANSWER
    text = status(503, url="https://s3.example.com")
    failure = failure_of("GenericError", text, bucket="b", endpoint="https://s3.example.com:443")
    assert failure.meaning is Meaning.NO_ANSWER


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "Unable to decode service account file: unknown variant `external_account`",
            "GOOGLE_APPLICATION_CREDENTIALS names a file of workload identity federation, which ",
        ),
        (
            'source: DecodeCredentials { source: Error("expected value"',
            "the file with Google's credentials is not one of a service account or user",
        ),
        (
            "source: OpenCredentials {",
            "the file that GOOGLE_APPLICATION_CREDENTIALS names can't be read",
        ),
        ("source: InvalidAccessKey {", "the account's key is not valid base64"),
        (
            "No certificates found in `root_certificate` input",
            "the file that AWS_CA_BUNDLE names has no certificate",
        ),
        (
            f"Configuration {SECRET}",
            "the store's settings in the environment can't be used",
        ),
    ],
)
def test_why_a_store_can_not_be_opened(text: str, reason: str) -> None:
    """The variable is named, nothing of the text repeated."""
    assert unusable(text).startswith(reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "called `Result::unwrap()` on an `Err` value: InvalidHeaderValue",
            "a key or token has a line break, or a character that no key or token may have",
        ),
        (
            f"assertion failed: {SECRET}",
            "obstore, the store's client, panicked: its message is above; try again, or report it",
        ),
    ],
)
def test_why_obstore_gave_up(text: str, reason: str) -> None:
    """A panic has a reason, and nothing of its text is repeated."""
    assert panicked(text) == reason
