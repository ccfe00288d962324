"""What is read of HCL, the language of Terraform's CLI configuration."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bulkops.client.access.hcl import HclError, parse

DOCUMENTED = """
# The documentation's samples of a CLI configuration.
plugin_cache_dir   = "$HOME/.terraform.d/plugin-cache"
disable_checkpoint = true // and so on
/* credentials "old.example.com" { token = "old" }
*/
credentials "app.terraform.io" {
  token = "xxxxxx.atlasv1.zzzzzzzzzzzzz"
}
credentials_helper "example" { args = ["--host=credstore", "-v",] }
provider_installation {
  dev_overrides { "hashicorp/null" = "/home/ann/null" }
  network_mirror { url = "https://mirror/", retries = 3 }
  direct {}
}
"""


def test_the_documented_samples_are_read() -> None:
    """Blocks, labels, lists, comments and ``dev_overrides``, which isn't HCL 2."""
    assert parse(DOCUMENTED) == {
        "plugin_cache_dir": "$HOME/.terraform.d/plugin-cache",
        "disable_checkpoint": True,
        "credentials": {"app.terraform.io": {"token": "xxxxxx.atlasv1.zzzzzzzzzzzzz"}},
        "credentials_helper": {"example": {"args": ["--host=credstore", "-v"]}},
        "provider_installation": {
            "dev_overrides": {"hashicorp/null": "/home/ann/null"},
            "network_mirror": {"url": "https://mirror/", "retries": 3.0},
            "direct": {},
        },
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {}),
        ('\n {"a": [1]}', {"a": [1]}),
        ('{"a": [{"b": 1}, {"b": [{"c": 2}], "d": []}]}', {"a": {"b": {"c": 2.0}, "d": []}}),
        ('{"a": [{"b": 1}, 2]}', {"a": [{"b": 1.0}, 2.0]}),
        ('{"a": ' + "1" * 5000 + "}", {"a": float("inf")}),
        ("a { b = 1 }\r\na { c = -2.5e1 }", {"a": {"b": 1.0, "c": -25.0}}),
        ('a "x" { b = 1 }\na "y" { b = null }', {"a": {"x": {"b": 1.0}, "y": {"b": None}}}),
        ("a = 1\na b { c = false }", {"a": {"b": {"c": False}}}),
        ("a { b = 1 }\na = []", {"a": []}),
        ('a = { b.c = "d" }', {"a": {"b.c": "d"}}),
        (r'a = "\"\u0041\t' + '\t"', {"a": '"A\t\t'}),
        ("a = <<-END\n  x\n  END\nb = <<E\nE", {"a": "  x\n", "b": ""}),
    ],
)
def test_what_is_read(text: str, value: object) -> None:
    """Blocks of the same name are one table; a file that starts with a brace is JSON."""
    assert parse(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a = "x"\nb = "s3cret', "line 2: there is something that HCL does not have"),
        ("a = <<END\ns3cret", "line 1: there is something that HCL does not have"),
        ("/* s3cret", "line 1: there is something that HCL does not have"),
        ("/*\n*/ a = s3cret", "line 2: a word is not expected here"),
        ('a = "s3cret" = ', "line 1: '=' is not expected here"),
        ('a = ["x" "s3cret"]', "line 1: a string is not expected here"),
        ("a = [", "line 1: the end of the file is not expected here"),
        ("a {\n", "line 2: the end of the file is not expected here"),
        ('"s3cret"', "line 1: the end of the file is not expected here"),
        ("[a]", "line 1: '[' is not expected here"),
        (r'a = "s3cret\q"', "line 1: a text with an unknown escape"),
        ('{"a":\n "s3cret"', "line 2: Expecting ',' delimiter"),
        ("a {" * 100_000, "it is nested too deeply"),
        ('{"a":' * 100_000, "it is nested too deeply"),
    ],
)
def test_a_malformed_file_names_the_line_and_shows_nothing(text: str, message: str) -> None:
    """A message about a file with tokens must not quote it."""
    with pytest.raises(HclError) as caught:
        parse(text)
    assert str(caught.value) == message


@given(st.text(alphabet='ab"\\={}[],\n #/*<-1E.', max_size=60))
@example("a = 1e999")
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text ends in another error than ``HclError``."""
    with suppress(HclError):
        assert isinstance(parse(text), dict)
