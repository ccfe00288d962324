"""Which proxy is used, according to the environment and the rules of Go's ``httpproxy``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from bulkops.client.access.proxy import proxy_for
from bulkops.errors import JobError

PROXY = "http://proxy.corp:3128"
OTHER = "http://other.corp:3128"
GO = (
    "foobar.com, .barbaz.net, *.wildcard.io, 192.168.1.1, 192.168.1.2:81, 192.168.1.3:80, "
    "10.0.0.0/30, 2001:db8::52:0:1, [2001:db8::52:0:2]:443, [2001:db8::52:0:3]:80, "
    "2002:db8:a::45/64"
)
"""From the tests of golang.org/x/net/http/httpproxy, like the hosts below."""


@pytest.mark.parametrize(
    ("host", "proxied"),
    [
        ("localhost", False),
        ("127.0.0.1", False),
        ("127.0.0.2", False),
        ("[::1]", False),
        ("[::2]", True),
        ("192.168.1.1", False),
        ("192.168.1.2", True),
        ("192.168.1.3", False),
        ("192.168.1.4", True),
        ("10.0.0.2", False),
        ("[2001:db8::52:0:1]", False),
        ("[2001:db8::52:0:2]", True),
        ("[2001:db8::52:0:3]", False),
        ("[2002:db8:a::123]", False),
        ("[fe80::424b:c8be:1643:a1b6]", True),
        ("barbaz.net", True),
        ("www.barbaz.net", False),
        ("foobar.com", False),
        ("www.foobar.com", False),
        ("foofoobar.com", True),
        ("baz.com", True),
        ("localhost.net", True),
        ("local.localhost", True),
        ("barbarbaz.net", True),
        ("wildcard.io", True),
        ("nested.wildcard.io", False),
        ("awildcard.io", True),
    ],
)
def test_gos_own_cases(host: str, *, proxied: bool) -> None:
    """The cases of Go's tests have Go's results, and ``*`` disables the proxy."""
    env = {"HTTP_PROXY": PROXY, "HTTPS_PROXY": OTHER}
    found = proxy_for(f"http://{host}:80", {**env, "NO_PROXY": GO})
    assert found == (PROXY if proxied else None)
    assert proxy_for(f"http://{host}:80", {**env, "no_proxy": "a.com, *"}) is None


@pytest.mark.parametrize(
    ("no_proxy", "address", "proxied"),
    [
        ("example.com", "https://example.com", False),
        ("example.com", "https://tfe.example.com:8443", False),
        ("EXAMPLE.com", "https://tfe.example.com", False),
        ("ample.com", "https://example.com", True),
        (".example.com", "https://example.com", True),
        (".example.com", "https://tfe.example.com", False),
        ("*.example.com", "https://example.com", True),
        ("*.example.com", "https://tfe.example.com", False),
        ("*.example.com", "https://a.tfe.example.com", False),
        ("*example.com", "https://tfe.example.com", True),
        ("tfe.*.com", "https://tfe.example.com", True),
        ("example.com:8443", "https://tfe.example.com:8443", False),
        ("example.com:8443", "https://tfe.example.com", True),
        ("example.com:443", "https://tfe.example.com", False),
        ("example.com:", "https://tfe.example.com", False),
        ("*.example.com:443", "https://tfe.example.com", False),
        ("https://example.com", "https://example.com", True),
        ("10.0.0.0/8", "https://10.200.3.4:8443", False),
        ("10.1.2.3/8", "https://10.200.3.4", False),
        ("10.0.0.0/8", "https://11.0.0.1", True),
        ("10.0.0.0/8", "https://10.example.com", True),
        ("10.0.0.0/99", "https://10.0.0.1", True),
        ("10.0.0.0/255.0.0.0", "https://10.0.0.1", True),
        ("0.0.0.0/0", "https://example.com", True),
        ("::/0", "https://10.0.0.1", True),
        ("2001:db8::/32", "https://[2001:db8:1::1]", False),
        ("10.0.0.1", "https://10.0.0.1:8443", False),
        ("10.0.0.1:8443", "https://10.0.0.1", True),
        ("::ffff:10.0.0.1", "https://10.0.0.1", False),
        ("2001:0db8::0001", "https://[2001:db8::1]", False),
        ("[2001:db8::1]", "https://[2001:db8::1]", False),
        ("[2001:db8::1]:443", "https://[2001:db8::1]", False),
        ("0.0.0.1", "https://10.0.0.1", True),
        ("täfe.example", "https://a.xn--tfe-qla.example", False),
        ("a..ä", "https://example.com", True),
        (" example.com\t,,", "https://example.com", False),
        ("a.com example.com", "https://example.com", True),
        (":443", "https://example.com", True),
        (".", "https://example.com", True),
        ("127.0.0.0/8", "https://example.com", True),
        ("", "https://example.com", True),
    ],
)
def test_what_no_proxy_excludes(no_proxy: str, address: str, *, proxied: bool) -> None:
    """Names with their subdomains, IP addresses, networks, and each with a port."""
    env = {"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}
    assert proxy_for(address, env) == (PROXY if proxied else None)


def test_an_ipv4_mapped_address_is_its_ipv4_address() -> None:
    """An IPv4-mapped IPv6 address counts as its IPv4 address."""
    env = {"HTTPS_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8"}
    assert proxy_for("https://[::ffff:10.1.2.3]", env) is None
    assert proxy_for("https://[::ffff:127.0.0.1]", {"HTTPS_PROXY": PROXY}) is None


@pytest.mark.parametrize(
    ("address", "env", "proxy"),
    [
        ("https://a.com", {}, None),
        ("https://a.com", {"HTTPS_PROXY": ""}, None),
        ("https://a.com", {"https_proxy": PROXY}, PROXY),
        ("https://a.com", {"https_proxy": OTHER, "HTTPS_PROXY": PROXY}, PROXY),
        ("https://a.com", {"https_proxy": OTHER, "HTTPS_PROXY": ""}, OTHER),
        ("https://a.com", {"HTTP_PROXY": PROXY}, None),
        ("http://a.com", {"HTTP_PROXY": PROXY, "HTTPS_PROXY": OTHER}, PROXY),
        ("http://a.com", {"http_proxy": PROXY}, PROXY),
        ("https://a.com", {"ALL_PROXY": PROXY, "all_proxy": PROXY}, None),
        ("https://a.com", {"HTTPS_PROXY": PROXY, "no_proxy": "a.com"}, None),
        ("https://a.com", {"HTTPS_PROXY": PROXY, "no_proxy": "a.com", "NO_PROXY": "b.com"}, PROXY),
        ("https://a.com", {"HTTPS_PROXY": "proxy.corp:3128"}, PROXY),
        ("https://a.com", {"HTTPS_PROXY": "https://p.corp"}, "https://p.corp"),
        ("http://a.com", {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, None),
        ("http://a.com", {"HTTP_PROXY": PROXY, "REQUEST_METHOD": ""}, PROXY),
        ("https://a.com", {"HTTPS_PROXY": PROXY, "REQUEST_METHOD": "GET"}, PROXY),
    ],
)
def test_which_variable_names_the_proxy(
    address: str, env: dict[str, str], proxy: str | None
) -> None:
    """The scheme's variable counts, upper case first; not HTTP_PROXY in a CGI request."""
    assert proxy_for(address, env) == proxy


@pytest.mark.parametrize(
    "proxy",
    [
        "socks5://hunter2@proxy.corp",
        "http://",
        "http://ann:hunter2@",
        "http://proxy.corp:port",
        "http://ann:hunt/er2@proxy.corp",
        "http://12:34/hunter2@proxy.corp",
        "http://ann:1#hunter2@proxy.corp",
        "http://ann\\hunter2@proxy.corp",
        "http://[::1",
        "http://[::1]a",
        "http://b.[::1]",
        "http://ann:hunter 2@proxy.corp",
        "http://proxy.corp\n",
    ],
)
def test_an_invalid_proxy_is_an_error(proxy: str) -> None:
    """The message names the variable but not its value, which may contain a password."""
    with pytest.raises(JobError, match=r"^https_proxy is not the URL of a proxy") as caught:
        proxy_for("https://a.com", {"https_proxy": proxy})
    assert "hunt" not in str(caught.value)
    assert proxy_for("https://localhost", {"https_proxy": proxy}) is None


@pytest.mark.parametrize("proxy", ["socks5h://ann:hunter2@proxy.corp", "SOCKS4://proxy.corp"])
def test_a_socks_proxy_is_named_as_unsupported(proxy: str) -> None:
    """The message says what the variable may name instead."""
    with pytest.raises(JobError, match="SOCKS is not supported") as caught:
        proxy_for("https://a.com", {"https_proxy": proxy})
    assert caught.value.exit_code == 2
    assert "hunt" not in str(caught.value)


@given(st.text() | st.from_regex(r"http://[ab.@:\[\]-]{1,9}\Z"), st.text())
def test_any_text_is_a_proxy_or_refused(proxy: str, no_proxy: str) -> None:
    """Any values of the variables give a URL, None, or a readable error."""
    try:
        found = proxy_for("https://a.com", {"HTTPS_PROXY": proxy, "NO_PROXY": no_proxy})
    except JobError:
        return
    assert found is None or URL(found).host
