"""Reads each cloud's variables: where a bucket is, and which credentials open it. Pure.

``environment`` has the table. Variables that are set but empty are not among those given here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from bulkops.errors import JobError

Environment = Mapping[str, str]

EMULATOR = "devstoreaccount1"
EMULATOR_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
"""The account of Azure's emulator and its key, which Microsoft publishes."""

_REGION = re.compile(r"[A-Za-z0-9._-]+")

_NO_PROFILES = (
    "profiles and SSO are not supported: put their credentials into the environment with "
    '`eval "$(aws configure export-credentials --format env)"`'
)


class Place(NamedTuple):
    """A server: its URL, and the variable that names it (empty if none does)."""

    url: str
    variable: str = ""


def first(env: Environment, *names: str) -> tuple[str, str]:
    """Return the first of some variables that is set, and its value; two empty texts if none is."""
    return next(((name, _value(env, name)) for name in names if name in env), ("", ""))


def _value(env: Environment, name: str) -> str:
    """Return a variable's value; ``JobError`` if it was read from a file with its line break."""
    value = env[name]
    if value != value.strip() or not value.isprintable():
        raise JobError(f"{name} contains a line break, or begins or ends with a blank: remove it")
    return value


def _s3(env: Environment) -> tuple[Place, dict[str, str]]:
    variable, region = first(env, "AWS_REGION", "AWS_DEFAULT_REGION")
    region = region or "us-east-1"
    if not _REGION.fullmatch(region):
        raise JobError(f"{variable} is not the name of a region such as eu-central-1")
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    variable, url = first(env, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    if env.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        variable = url = ""
    if not url and env.get("AWS_USE_FIPS_ENDPOINT", "").lower() == "true":
        raise JobError(
            "AWS_USE_FIPS_ENDPOINT is not supported: name the endpoint, "
            f"AWS_ENDPOINT_URL_S3=https://s3-fips.{region}.{domain}"
        )
    url = (url or f"https://s3.{region}.{domain}").rstrip("/")
    config = {
        "aws_region": region,
        "endpoint": url,
        "aws_endpoint_url_s3": url,
        "aws_endpoint_url_sts": env.get("AWS_ENDPOINT_URL_STS", f"https://sts.{region}.{domain}"),
        "conditional_put": "etag",
        "virtual_hosted_style_request": "false",
        **_s3_credentials(env),
    }
    return Place(url, variable), config


def _s3_credentials(env: Environment) -> dict[str, str]:
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    if _together(env, *keys):
        return _named(env, *keys, "AWS_SESSION_TOKEN")
    if "AWS_WEB_IDENTITY_TOKEN_FILE" in env:
        identity = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN")
        _together(env, *identity)
        return _named(env, *identity, "AWS_ROLE_SESSION_NAME")
    if "AWS_PROFILE" in env:
        raise JobError(f"AWS_PROFILE is set, but {_NO_PROFILES}")
    if "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" in env:
        return _named(env, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    if "AWS_CONTAINER_CREDENTIALS_FULL_URI" in env:
        if "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" not in env:
            raise JobError(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI is only supported together with "
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, as EKS sets it: set "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        return _named(
            env, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
        )
    if env.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        raise JobError(f"no credentials: {_ADVICE['s3'][1]}")
    metadata = env.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
    return {"metadata_endpoint": metadata.rstrip("/")} if metadata else {}


def _named(env: Environment, *variables: str) -> dict[str, str]:
    """Return those of the variables that are set, by obstore's names."""
    return {name.lower(): _value(env, name) for name in variables if name in env}


def _together(env: Environment, *names: str) -> bool:
    """Return whether all of some variables are set; ``JobError`` if only some are."""
    missing = [name for name in names if name not in env]
    if missing and len(missing) < len(names):
        present = next(name for name in names if name in env)
        raise JobError(f"{present} is set, but {missing[0]} is not: set both")
    return not missing


def _az(env: Environment) -> tuple[Place, dict[str, str]]:
    emulated = env.get("AZURE_STORAGE_USE_EMULATOR", "").lower() == "true"
    variable, text = first(env, "AZURE_STORAGE_CONNECTION_STRING")
    parts = _connection(text) if text else {}
    if emulated or parts.get("usedevelopmentstorage", "").lower() == "true":
        name, host = first(env, "AZURITE_BLOB_STORAGE_URL")
        url = f"{(host or 'http://127.0.0.1:10000').rstrip('/')}/{EMULATOR}"
        return Place(url, name), _az_config(url, EMULATOR, _key(EMULATOR_KEY))
    account = (
        parts.get("accountname")
        or first(env, "AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT")[1]
    )
    named = first(env, "AZURE_STORAGE_ENDPOINT", "AZURE_STORAGE_SERVICE_ENDPOINT")
    if parts:
        named = (variable, parts.get("blobendpoint", ""))
    if not account:
        raise JobError("the storage account is not named: set AZURE_STORAGE_ACCOUNT")
    suffix = parts.get("endpointsuffix", "core.windows.net")
    url = (named[1] or f"https://{account}.blob.{suffix}").rstrip("/")
    credentials = _az_of_connection(parts) if parts else _az_credentials(env)
    return Place(url, named[0]), _az_config(url, account, credentials)


def _az_config(url: str, account: str, credentials: dict[str, str]) -> dict[str, str]:
    return {
        "account_name": account,
        "endpoint": url,
        "use_emulator": "false",
        "use_fabric_endpoint": "false",
        **credentials,
    }


def _key(key: str) -> dict[str, str]:
    return {"account_key": key, "credential_type": "access_key"}


def _signature(signature: str) -> dict[str, str]:
    return {"sas_key": signature, "credential_type": "sas_token"}


def _connection(text: str) -> dict[str, str]:
    """Return the parts of a connection string, by their names in lower case."""
    parts = [part.partition("=") for part in text.split(";") if part.strip()]
    if not all(equals for _, equals, _ in parts):
        raise JobError("AZURE_STORAGE_CONNECTION_STRING is not a list of NAME=VALUE;NAME=VALUE")
    return {name.strip().lower(): value for name, _, value in parts if value}


def _az_of_connection(parts: Mapping[str, str]) -> dict[str, str]:
    if "accountkey" in parts:
        return _key(parts["accountkey"])
    if "sharedaccesssignature" in parts:
        return _signature(parts["sharedaccesssignature"])
    raise JobError(
        "AZURE_STORAGE_CONNECTION_STRING has neither AccountKey nor SharedAccessSignature"
    )


def _az_credentials(env: Environment) -> dict[str, str]:
    key = first(env, "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCESS_KEY")[
        1
    ]
    if key:
        return _key(key)
    identity = _named(env, "AZURE_CLIENT_ID", "AZURE_TENANT_ID")
    if "AZURE_AUTHORITY_HOST" in env:
        # AKS sets it with a slash at its end, to which obstore would add another.
        identity["azure_authority_host"] = env["AZURE_AUTHORITY_HOST"].rstrip("/")
    if "AZURE_FEDERATED_TOKEN_FILE" in env:
        _together(env, "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_ID", "AZURE_TENANT_ID")
        return {**identity, **_named(env, "AZURE_FEDERATED_TOKEN_FILE")}
    if "AZURE_CLIENT_SECRET" in env:
        _together(env, "AZURE_CLIENT_SECRET", "AZURE_CLIENT_ID", "AZURE_TENANT_ID")
        return {**identity, **_named(env, "AZURE_CLIENT_SECRET")}
    if "AZURE_CLIENT_CERTIFICATE_PATH" in env:
        raise JobError(
            "AZURE_CLIENT_CERTIFICATE_PATH is not supported: set AZURE_CLIENT_SECRET, or "
            "AZURE_STORAGE_KEY"
        )
    signature = first(env, "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY")[1]
    if signature:
        return _signature(signature)
    return identity


_GOOGLE = ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_BEARER_TOKEN")


def _gs(env: Environment) -> tuple[Place, dict[str, str]]:
    variable, url = first(env, "STORAGE_EMULATOR_HOST", "GOOGLE_BASE_URL")
    if url and "://" not in url:
        url = f"http://{url}"
    place = Place((url or "https://storage.googleapis.com").rstrip("/"), variable)
    config = {"base_url": place.url, **_named(env, *_GOOGLE)}
    if variable == "STORAGE_EMULATOR_HOST":
        config["skip_signature"] = "true"
    return place, config


def advice(scheme: str, config: Mapping[str, str]) -> str:
    """Return which variables to set if no credentials could be got.

    Empty if some are set: then it is these that the server for credentials didn't accept.

    Args:
        config: what the functions in ``CLOUDS`` return.
    """
    variables, words = _ADVICE[scheme]
    return "" if any(name in config for name in variables) else words


_ADVICE = {
    "s3": (
        (
            "aws_web_identity_token_file",
            "aws_container_credentials_relative_uri",
            "aws_container_credentials_full_uri",
        ),
        f"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; {_NO_PROFILES}",
    ),
    "az": (
        ("azure_federated_token_file", "azure_client_secret"),
        "set AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_CONNECTION_STRING",
    ),
    "gs": (
        ("google_application_credentials", "google_bearer_token"),
        "set GOOGLE_APPLICATION_CREDENTIALS",
    ),
}
"""Per scheme: variables that name a server for credentials, and what to set without one."""

CLOUDS: dict[str, Callable[[Environment], tuple[Place, dict[str, str]]]] = {
    "s3": _s3,
    "az": _az,
    "gs": _gs,
}
