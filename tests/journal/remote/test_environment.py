"""What the environment says about a store: its server, its credentials, its proxy."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bulkops.errors import BulkopsError, JobError
from bulkops.journal.remote.bucket.address import parse
from bulkops.journal.remote.bucket.clouds import EMULATOR, EMULATOR_KEY
from bulkops.journal.remote.bucket.environment import EVERYWHERE, LOCAL, Settings, settings_for

SECRET = "wJalrXUtnFEMI"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": SECRET}
KEYED = {"aws_access_key_id": "AKIA", "aws_secret_access_key": SECRET}
ACCOUNT = {"AZURE_STORAGE_ACCOUNT": "acme"}
CLIENT = {"AZURE_CLIENT_ID": "id", "AZURE_TENANT_ID": "tenant"}
BLOB = "https://acme.blob.core.windows.net"


def settings(scheme: str, env: Mapping[str, str]) -> Settings:
    """Return the settings of a bucket."""
    return settings_for(parse(f"{scheme}://bucket/a"), env)


@pytest.mark.parametrize(
    ("scheme", "env", "endpoint"),
    [
        ("s3", {}, "https://s3.us-east-1.amazonaws.com"),
        ("s3", {"AWS_REGION": "eu-west-1"}, "https://s3.eu-west-1.amazonaws.com"),
        ("s3", {"AWS_DEFAULT_REGION": "eu-west-1"}, "https://s3.eu-west-1.amazonaws.com"),
        ("s3", {"AWS_REGION": "cn-north-1"}, "https://s3.cn-north-1.amazonaws.com.cn"),
        (
            "s3",
            {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-west-1"},
            "https://s3.eu-west-1.amazonaws.com",
        ),
        ("s3", {"AWS_ENDPOINT_URL": "https://minio.example/"}, "https://minio.example"),
        (
            "s3",
            {"AWS_ENDPOINT_URL": "https://a.example", "AWS_ENDPOINT_URL_S3": "https://b.example"},
            "https://b.example",
        ),
        ("s3", {"AWS_ENDPOINT_URL": "HTTPS://minio.example"}, "HTTPS://minio.example"),
        ("s3", {"AWS_ENDPOINT_URL": "HTTP://LOCALHOST"}, "HTTP://LOCALHOST"),
        ("s3", {"AWS_ENDPOINT_URL": ""}, "https://s3.us-east-1.amazonaws.com"),
        (
            "s3",
            {
                "AWS_ENDPOINT_URL": "https://a.example",
                "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
            },
            "https://s3.us-east-1.amazonaws.com",
        ),
        # Only obstore knows this one.
        ("s3", {"AWS_ENDPOINT": "https://a.example"}, "https://s3.us-east-1.amazonaws.com"),
        ("s3", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"}, "http://127.0.0.1:9000"),
        ("s3", {"AWS_ENDPOINT_URL": "http://[::1]:9000"}, "http://[::1]:9000"),
        ("s3", {"AWS_ENDPOINT_URL": "http://localhost"}, "http://localhost"),
        (
            "s3",
            {"AWS_ENDPOINT_URL": "http://minio:9000", "AWS_ALLOW_HTTP": "true"},
            "http://minio:9000",
        ),
        ("az", ACCOUNT, BLOB),
        ("az", {"AZURE_STORAGE_ACCOUNT_NAME": "acme"}, BLOB),
        (
            "az",
            ACCOUNT | {"AZURE_STORAGE_SERVICE_ENDPOINT": "https://a.example/"},
            "https://a.example",
        ),
        (
            "az",
            {"AZURE_STORAGE_CONNECTION_STRING": f"AccountName=acme;AccountKey={SECRET}=="},
            BLOB,
        ),
        (
            "az",
            {
                "AZURE_STORAGE_CONNECTION_STRING": "DefaultEndpointsProtocol=https;AccountName="
                f"acme;AccountKey={SECRET};EndpointSuffix=core.chinacloudapi.cn;"
            },
            "https://acme.blob.core.chinacloudapi.cn",
        ),
        ("az", {"AZURE_STORAGE_USE_EMULATOR": "true"}, f"http://127.0.0.1:10000/{EMULATOR}"),
        (
            "az",
            {"AZURE_STORAGE_CONNECTION_STRING": "UseDevelopmentStorage=true"},
            f"http://127.0.0.1:10000/{EMULATOR}",
        ),
        ("gs", {}, "https://storage.googleapis.com"),
        ("gs", {"STORAGE_EMULATOR_HOST": "localhost:4443"}, "http://localhost:4443"),
        ("gs", {"GOOGLE_BASE_URL": "https://a.example"}, "https://a.example"),
    ],
)
def test_the_server_is_the_one_of_the_clouds_own_tools(
    scheme: str, env: dict[str, str], endpoint: str
) -> None:
    """The variable that counts names it, otherwise region or account do; obstore gets only it."""
    found = settings(scheme, env | (KEYS if scheme == "s3" else {}))
    assert found.endpoint == endpoint
    key = {"s3": "aws_endpoint_url_s3", "az": "endpoint", "gs": "base_url"}[scheme]
    assert found.config[key] == endpoint
    assert found.client["allow_http"] is endpoint.lower().startswith("http:")


@pytest.mark.parametrize(
    ("scheme", "env", "config"),
    [
        ("s3", KEYS, KEYED),
        (
            "s3",
            KEYS | {"AWS_SESSION_TOKEN": "t", "AWS_PROFILE": "p"},
            KEYED | {"aws_session_token": "t"},
        ),
        (
            "s3",
            {"AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "arn", "AWS_PROFILE": "p"},
            {"aws_web_identity_token_file": "/t", "aws_role_arn": "arn"},
        ),
        (
            "s3",
            {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2"},
            {"aws_container_credentials_relative_uri": "/v2"},
        ),
        (
            "s3",
            {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/t",
            },
            {
                "aws_container_credentials_full_uri": "http://169.254.170.23/v1",
                "aws_container_authorization_token_file": "/t",
            },
        ),
        ("s3", {}, {}),
        (
            "s3",
            {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://[fd00:ec2::254]/"},
            {"metadata_endpoint": "http://[fd00:ec2::254]"},
        ),
        (
            "az",
            ACCOUNT | CLIENT | {"AZURE_STORAGE_KEY": SECRET, "AZURE_STORAGE_SAS_TOKEN": "s"},
            {"account_key": SECRET, "credential_type": "access_key"},
        ),
        (
            "az",
            ACCOUNT | {"AZURE_STORAGE_SAS_TOKEN": SECRET},
            {"sas_key": SECRET, "credential_type": "sas_token"},
        ),
        (
            "az",
            {
                "AZURE_STORAGE_CONNECTION_STRING": "AccountName=acme;"
                "SharedAccessSignature=sv=1&sig=x",
                "AZURE_STORAGE_KEY": "ignored",
            },
            {"sas_key": "sv=1&sig=x", "credential_type": "sas_token"},
        ),
        (
            "az",
            ACCOUNT
            | CLIENT
            | {"AZURE_FEDERATED_TOKEN_FILE": "/t", "AZURE_AUTHORITY_HOST": "https://login/"},
            {
                "azure_authority_host": "https://login",
                "azure_client_id": "id",
                "azure_tenant_id": "tenant",
                "azure_federated_token_file": "/t",
            },
        ),
        (
            "az",
            ACCOUNT | CLIENT | {"AZURE_CLIENT_SECRET": SECRET},
            {
                "azure_client_id": "id",
                "azure_tenant_id": "tenant",
                "azure_client_secret": SECRET,
            },
        ),
        ("az", ACCOUNT | {"AZURE_CLIENT_ID": "id"}, {"azure_client_id": "id"}),
        ("az", {"AZURE_STORAGE_USE_EMULATOR": "true"}, {"account_key": EMULATOR_KEY}),
        (
            "gs",
            {"GOOGLE_APPLICATION_CREDENTIALS": "/k.json"},
            {"google_application_credentials": "/k.json"},
        ),
        ("gs", {"STORAGE_EMULATOR_HOST": "localhost:1"}, {"skip_signature": "true"}),
    ],
)
def test_credentials_are_taken_as_by_the_clouds_own_tools(
    scheme: str, env: dict[str, str], config: dict[str, str]
) -> None:
    """The first kind that is set counts; none of it is in what the settings show."""
    found = settings(scheme, env)
    places = {"aws_region", "endpoint", "aws_endpoint_url_s3", "aws_endpoint_url_sts"}
    places |= {"account_name", "base_url"}
    switches = {"conditional_put", "virtual_hosted_style_request"}
    switches |= {"use_emulator", "use_fabric_endpoint"}
    rest = {name: found.config[name] for name in found.config if name not in places | switches}
    assert rest.items() >= config.items()
    assert rest.keys() <= config.keys() | {"credential_type"}
    assert repr(found) == f"Settings({found.endpoint})"


@pytest.mark.parametrize(
    ("scheme", "env", "message"),
    [
        (
            "s3",
            {"AWS_ACCESS_KEY_ID": "AKIA"},
            "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not: set both",
        ),
        (
            "s3",
            {"AWS_SECRET_ACCESS_KEY": SECRET},
            "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not: set both",
        ),
        (
            "s3",
            {"AWS_WEB_IDENTITY_TOKEN_FILE": "/t"},
            "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not: set both",
        ),
        (
            "s3",
            {"AWS_PROFILE": "p"},
            "AWS_PROFILE is set, but profiles and SSO are not supported: put their credentials "
            'into the environment with `eval "$(aws configure export-credentials --format env)"`',
        ),
        (
            "s3",
            {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost/get"},
            "AWS_CONTAINER_CREDENTIALS_FULL_URI is only supported together with ",
        ),
        (
            "s3",
            {"AWS_EC2_METADATA_DISABLED": "true"},
            "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; profiles and SSO ",
        ),
        (
            "s3",
            KEYS | {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_REGION": "us-gov-west-1"},
            "AWS_USE_FIPS_ENDPOINT is not supported: name the endpoint, "
            "AWS_ENDPOINT_URL_S3=https://s3-fips.us-gov-west-1.amazonaws.com",
        ),
        (
            "s3",
            KEYS | {"AWS_ENDPOINT_URL": "http://minio:9000"},
            "AWS_ENDPOINT_URL = http://minio:9000: plain http would show the journal to the "
            "network; use https, or set AWS_ALLOW_HTTP=true",
        ),
        (
            "s3",
            KEYS | {"AWS_ENDPOINT_URL": "http://0.0.0.0:9000", "AWS_ALLOW_HTTP": "false"},
            "AWS_ENDPOINT_URL = http://0.0.0.0:9000: plain http would ",
        ),
        (
            "s3",
            KEYS | {"AWS_ENDPOINT_URL_S3": f"https://u:{SECRET}@minio"},
            "AWS_ENDPOINT_URL_S3 is not a server's URL such as https://storage.example.com "
            "(without user, password or query)",
        ),
        ("s3", KEYS | {"AWS_ENDPOINT_URL": "minio:9000"}, "AWS_ENDPOINT_URL is not a server's"),
        ("s3", KEYS | {"AWS_ENDPOINT_URL": "https://a:x"}, "AWS_ENDPOINT_URL is not a server's"),
        ("s3", KEYS | {"AWS_ENDPOINT_URL": "https://["}, "AWS_ENDPOINT_URL is not a server's"),
        ("s3", KEYS | {"AWS_REGION": "a b"}, "AWS_REGION is not the name of a region such as "),
        (
            "s3",
            KEYS | {"AWS_DEFAULT_REGION": "evil.example/@"},
            "AWS_DEFAULT_REGION is not the name of a region such as ",
        ),
        ("s3", {**KEYS, "AWS_ACCESS_KEY_ID": "AKIA\n"}, "AWS_ACCESS_KEY_ID contains a line "),
        ("s3", {**KEYS, "AWS_SECRET_ACCESS_KEY": f" {SECRET}"}, "AWS_SECRET_ACCESS_KEY contains "),
        ("s3", KEYS | {"AWS_SESSION_TOKEN": f"{SECRET}\n"}, "AWS_SESSION_TOKEN contains a line "),
        ("s3", KEYS | {"AWS_REGION": "eu-west-1\n"}, "AWS_REGION contains a line break, or "),
        ("az", ACCOUNT | {"AZURE_STORAGE_KEY": f"{SECRET}==\n"}, "AZURE_STORAGE_KEY contains a "),
        (
            "az",
            ACCOUNT | {"AZURE_STORAGE_SAS_TOKEN": f"sig={SECRET}\r\n"},
            "AZURE_STORAGE_SAS_TOKEN contains a line break, or begins or ends with a blank",
        ),
        ("az", {}, "the storage account is not named: set AZURE_STORAGE_ACCOUNT"),
        (
            "az",
            {"AZURE_STORAGE_CONNECTION_STRING": SECRET},
            "AZURE_STORAGE_CONNECTION_STRING is not a list of NAME=VALUE;NAME=VALUE",
        ),
        (
            "az",
            {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=acme"},
            "AZURE_STORAGE_CONNECTION_STRING has neither AccountKey nor SharedAccessSignature",
        ),
        (
            "az",
            {
                "AZURE_STORAGE_CONNECTION_STRING": f"AccountName=acme;AccountKey={SECRET};"
                "BlobEndpoint=http://azurite:10000/acme"
            },
            "AZURE_STORAGE_CONNECTION_STRING = http://azurite:10000/acme: plain http would ",
        ),
        (
            "az",
            {
                "AZURE_STORAGE_USE_EMULATOR": "true",
                "AZURITE_BLOB_STORAGE_URL": "http://azurite:10000",
            },
            f"AZURITE_BLOB_STORAGE_URL = http://azurite:10000/{EMULATOR}: plain http would ",
        ),
        (
            "az",
            ACCOUNT | {"AZURE_FEDERATED_TOKEN_FILE": "/t", "AZURE_TENANT_ID": "t"},
            "AZURE_FEDERATED_TOKEN_FILE is set, but AZURE_CLIENT_ID is not: set both",
        ),
        (
            "az",
            ACCOUNT | {"AZURE_CLIENT_CERTIFICATE_PATH": "/c"},
            "AZURE_CLIENT_CERTIFICATE_PATH is not supported: set AZURE_CLIENT_SECRET, or ",
        ),
        ("gs", {"GOOGLE_BASE_URL": "http://gcs:1"}, "GOOGLE_BASE_URL = http://gcs:1: plain http "),
    ],
)
def test_what_the_environment_lacks_is_said(scheme: str, env: dict[str, str], message: str) -> None:
    """The message names the address, the variable and what to do, and shows no secret."""
    with pytest.raises(JobError) as caught:
        settings(scheme, env)
    assert str(caught.value).startswith(f"{scheme}://bucket/a: {message}")
    assert SECRET not in str(caught.value)
    assert caught.value.exit_code == 2


PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("endpoint", "env", "proxy", "excludes"),
    [
        ("https://minio", {}, None, ""),
        ("https://minio", {"HTTPS_PROXY": PROXY}, PROXY, LOCAL),
        ("https://minio", {"https_proxy": PROXY}, PROXY, LOCAL),
        ("https://minio", {"HTTP_PROXY": PROXY, "ALL_PROXY": PROXY}, None, ""),
        ("http://minio", {"HTTP_PROXY": PROXY}, PROXY, LOCAL),
        (
            "https://minio",
            {"HTTPS_PROXY": PROXY, "NO_PROXY": ".example,10.0.0.0/8"},
            PROXY,
            f"{LOCAL},.example,10.0.0.0/8",
        ),
        # The rules of NO_PROXY are those of the API's client: obstore doesn't know ports.
        (
            "https://minio:9000",
            {"HTTPS_PROXY": PROXY, "NO_PROXY": "minio:9000"},
            PROXY,
            f"{LOCAL},minio:9000,minio",
        ),
        ("https://minio", {"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, None, ""),
        ("http://127.0.0.1:9", {"HTTP_PROXY": PROXY}, PROXY, f"{LOCAL},127.0.0.1"),
        ("http://localhost:9", {"HTTP_PROXY": PROXY}, PROXY, f"{LOCAL},localhost"),
        ("https://[::1]:9", {"HTTPS_PROXY": PROXY}, PROXY, f"{LOCAL},::1"),
    ],
)
def test_obstore_is_told_which_proxy_to_use(
    endpoint: str, env: dict[str, str], proxy: str | None, excludes: str
) -> None:
    """The environment's, but never for this machine; without one, obstore looks for none."""
    found = settings(
        "s3", KEYS | env | {"AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true"}
    ).client
    assert found["proxy_url"] == (proxy or "http://127.0.0.1")
    assert found["proxy_excludes"] == (excludes if proxy else EVERYWHERE)


def test_what_is_no_proxy_is_refused() -> None:
    """The message names the variable, but not its value, which may contain a password."""
    with pytest.raises(BulkopsError, match=r"^HTTPS_PROXY is not the URL of a proxy") as caught:
        settings("s3", KEYS | {"HTTPS_PROXY": f"ftp://u:{SECRET}@proxy"})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("scheme", "env", "start"),
    [
        ("s3", {}, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; profiles and SSO"),
        ("s3", {"AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "arn"}, ""),
        ("az", ACCOUNT, "set AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN or "),
        ("gs", {}, "set GOOGLE_APPLICATION_CREDENTIALS"),
        ("gs", {"GOOGLE_APPLICATION_CREDENTIALS": "/k.json"}, ""),
    ],
)
def test_who_has_no_credentials_is_told_what_to_set(
    scheme: str, env: dict[str, str], start: str
) -> None:
    """Unless variables name a server for credentials: then those were not accepted."""
    advice = settings(scheme, env).advice
    assert advice.startswith(start)
    assert bool(advice) == bool(start)


def test_further_authorities_are_a_file_of_awss_own_variable() -> None:
    """``AWS_CA_BUNDLE`` counts for S3 only, as for its own tools."""
    env = KEYS | ACCOUNT | {"AWS_CA_BUNDLE": "/ca.pem"}
    assert settings("s3", env).authorities == "/ca.pem"
    assert settings("az", env).authorities == ""
