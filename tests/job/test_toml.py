"""A value that lacks its quotes, or has too many: the message names the line and the remedy."""

from __future__ import annotations

import pytest

from bulkops.errors import JobError
from bulkops.job.job import parse_job

HINTS = {
    "name = security-scan": ("line 1", '. Put the string in quotes: "security-scan"'),
    "name = security-scan  # ours": ("line 1", '. Put the string in quotes: "security-scan"'),
    "[rollout]\npause = 5m": ("line 2", '. Put the string in quotes: "5m"'),
    "[operation]\n\nkind = attach\n": ("line 3", '. Put the string in quotes: "attach"'),
    "waves = [10%]": ("line 1", '. Put the string in quotes: "10%"'),
    'waves = ["1", 10%]': ("line 1", '. Put the string in quotes: "10%"'),
    'waves = [\n  "1",\n  10%,\n]': ("line 3", '. Put the string in quotes: "10%"'),
    "waves = [{ size = 10%, max_failures = 0 }]": ("line 1", '. Put the string in quotes: "10%"'),
    "max_failures = 10%": ("line 1", '. Put the string in quotes: "10%"'),
    "names = [\n  prod-*\n]": ("line 2", '. Put the string in quotes: "prod-*"'),
    "names = [prod-[ab]]": ("line 1", '. Put the string in quotes: "prod-[ab]"'),
    "names = prod-[ab]": ("line 1", '. Put the string in quotes: "prod-[ab]"'),
    "where = [version < 1.9.8]": ("line 1", '. Put the string in quotes: "version < 1.9.8"'),
    'where = ["a = b", c = d]': ("line 1", '. Put the string in quotes: "c = d"'),
    "project = Default Project": ("line 1", '. Put the string in quotes: "Default Project"'),
    "name = 2026-11-24-scan": ("line 1", '. Put the string in quotes: "2026-11-24-scan"'),
    "name = \u201cscan\u201d": ("line 1", '. Put the string in quotes: "scan"'),
    "name = `scan`": ("line 1", '. Put the string in quotes: "scan"'),
    'name = "scan': ("line 1", '. Put the string in quotes: "scan"'),
    'name = scan"': ("line 1", '. Put the string in quotes: "scan"'),
    "name = \x1b[2J": ("line 1", '. Put the string in quotes: "\\u001b[2J"'),
    "stages = pre_plan, post_plan": (
        "line 1",
        '. Write a list of strings in quotes: ["pre_plan", "post_plan"]',
    ),
    "all = True": ("line 1", ". Write true for a boolean; a string needs quotes"),
    "strict = no": ("line 1", ". Write false for a boolean; a string needs quotes"),
    "gate = none": ("line 1", ". Leave the key out: TOML has no empty value"),
    "token_env = abc.def": ("line 1", ""),
    "shard = [{ token_file = abc }]": ("line 1", ""),
    "name = abc.atlasv1.def": ("line 1", ""),
    "task = token-scan": ("line 1", '. Put the string in quotes: "token-scan"'),
    "select =": ("line 1", ""),
    "[select": ("line 1", ""),
    "name == 3": ("line 1", ""),
    "max failures = 2": ("line 1", ""),
    "organization: acme": ("line 1", ""),
    'names = ["a" "b"]': ("line 1", ""),
    'name = "a" b': ("line 1", ""),
    'name = "a"\nname = "b"\n': ("line 2", ""),
    'name = """\nscan': ("line 2", ""),
}
"""Text → the line that its message names, and what the message ends with."""


def refusal(text: str) -> str:
    """Return the message with which a text is refused."""
    with pytest.raises(JobError) as caught:
        parse_job(text, "prod.toml")
    return str(caught.value)


@pytest.mark.parametrize(("text", "line", "hint"), [(t, *hint) for t, hint in HINTS.items()])
def test_a_value_without_quotes_gets_its_hint(text: str, line: str, hint: str) -> None:
    """The message names the line and shows the value in quotes; other mistakes get no hint."""
    message = refusal(text)
    assert message.startswith("prod.toml: not valid TOML: ")
    assert message.isprintable()
    assert f"(at {line}, " in message
    assert message.endswith(f"){hint}")


JOB = """\
name = "scan"
organization = "acme"
operation = { kind = "attach", task = "scan", enforcement_level = "advisory" }
select = { all = true }
"""

TWICE = (
    ("[operation]", "[[operation]]"),
    ("[operation]", "[operation]"),
    ("[[operation]]", "[operation] # b"),
)


@pytest.mark.parametrize(("first", "second"), TWICE)
def test_a_second_operation_in_single_brackets_gets_a_hint(first: str, second: str) -> None:
    """A second step needs two brackets, and so does the first one then."""
    message = refusal(f'name = "a"\n{first}\nkind = "attach"\n{second}\nkind = "detach"\n')
    assert "(at line 4, " in message
    assert message.endswith("). Write [[operation]] with two brackets for each of several steps")


WRONG_QUOTES = {
    "[rollout]\nwaves = [1]": '. Put it in quotes: "1"',
    '[rollout]\nwaves = ["1", 5]': '. Put it in quotes: "5"',
    '[rollout]\nmax_operations = "10"': ". Write it without quotes: 10",
    '[rollout]\nstrict = "true"': ". Write it without quotes: true",
    "[pace]\nsettle = 5": "",
    '[pace]\nsettle = "5"': "",
    '[pace]\nmax_at_once = "600"': "",
    "[rollout]\ngate = []": "",
}


@pytest.mark.parametrize(("table", "hint"), WRONG_QUOTES.items())
def test_a_value_of_the_wrong_type_gets_a_hint_if_quotes_decide(table: str, hint: str) -> None:
    """``waves = [1]`` lacks quotes, ``strict = "true"`` has too many; others get no hint."""
    message = refusal(JOB + table)
    assert message.endswith(hint)
    assert bool(hint) == ("quotes" in message)
