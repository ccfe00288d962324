"""Job files under Hypothesis: round trips, and garbage that raises only ``JobError``."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from bulkops.errors import JobError
from bulkops.job.job import job_from_builtins, job_to_builtins, parse_job

LINES = """
name = "scan"
organization = "acme"
[operation]
kind = "attach"
task = "scan"
enforcement_level = "mandatory"
[select]
names = ["prod-*"]
[rollout]
[pace]
""".splitlines(keepends=True)

words = st.text(st.characters(codec="utf-8", exclude_characters="=,/"), min_size=1).filter(
    lambda text: not any(c.isspace() for c in text)
)
names = st.from_regex(r"[A-Za-z0-9_-]{1,90}", fullmatch=True)
levels = st.sampled_from(["advisory", "mandatory"])
stages = st.lists(
    st.sampled_from(["pre_plan", "post_plan", "pre_apply", "post_apply"]), min_size=1, unique=True
)
operations = st.one_of(
    st.fixed_dictionaries({"kind": st.just("detach"), "task": words}),
    st.fixed_dictionaries(
        {"kind": st.just("attach"), "task": words, "enforcement_level": levels},
        optional={"stages": stages},
    ),
    st.fixed_dictionaries(
        {"kind": st.just("update"), "task": words, "stages": stages},
        optional={"enforcement_level": levels},
    ),
    st.fixed_dictionaries(
        {"kind": st.just("replace"), "task": words, "replaces": words},
        optional={"enforcement_level": levels, "stages": stages},
    ).filter(lambda table: table["task"] != table["replaces"]),
)
some_words = st.lists(words, min_size=1, max_size=3)
selects = st.one_of(
    st.fixed_dictionaries(
        {"names": some_words},
        optional={"tags": some_words, "exclude_tags": some_words, "project": words},
    ),
    st.fixed_dictionaries(
        {"listed": st.lists(st.from_regex(r"[A-Za-z0-9_-]{1,90}", fullmatch=True), max_size=3)},
        optional={
            "where": st.just(["terraform-version < 1.6", "locked = false"]),
            "has_task": words,
            "lacks_task": words,
            "only": st.just(["re:a+", "b*"]),
            "limit": st.integers(min_value=1, max_value=2**63 - 1),
        },
    ),
    st.fixed_dictionaries({"all": st.sampled_from([True])}, optional={"exclude_names": some_words}),
)
tolerances = st.integers(min_value=0) | st.integers(0, 100).map("{}%".format)
paces = st.fixed_dictionaries(
    {},
    optional={
        "rate": st.floats(0.1, 100_000) | st.integers(1, 100_000),
        "max_at_once": st.integers(1, 512),
        "settle": st.from_regex(r"[0-9]{1,6}(ms|s|m|h)", fullmatch=True),
    },
)
leases = st.integers(2, 600).map("{}s".format) | st.integers(1, 10).map("{}m".format)
documents = st.fixed_dictionaries(
    {"name": names, "organization": words, "operation": operations, "select": selects},
    optional={
        "rollout": st.fixed_dictionaries({"max_failures": tolerances}),
        "pace": paces,
        "journal": st.fixed_dictionaries({}, optional={"lease": leases}),
    },
)


@given(documents)
def test_a_job_survives_the_journal(document: dict[str, Any]) -> None:
    """A job written to JSON and read back is equal and has the same digest."""
    job = job_from_builtins(document)
    again = job_from_builtins(msgspec.json.decode(msgspec.json.encode(job_to_builtins(job))))
    assert again == job
    assert again.digest == job.digest


@given(documents)
def test_a_job_survives_toml(document: dict[str, Any]) -> None:
    """The same document as TOML text gives the same job."""
    assert parse_job(as_toml(document)) == job_from_builtins(document)


def as_toml(document: dict[str, Any]) -> str:
    """Return a document as TOML, with inline tables and bare keys."""

    def value(v: Any) -> str:
        if isinstance(v, dict):
            return "{" + ", ".join(f"{k} = {value(x)}" for k, x in v.items()) + "}"
        # JSON escapes a character beyond the BMP as two halves, which TOML refuses.
        return json.dumps(v, ensure_ascii=False).replace("\x7f", "\\u007f")

    return "\n".join(f"{key} = {value(v)}" for key, v in document.items())


@given(
    st.text()
    | st.lists(
        st.sampled_from(
            [
                *LINES,
                "rate = ",
                "names",
                ".",
                "=",
            ]
        )
        | st.text(st.sampled_from('[]{}"=.,#\n -+ainfteo019\\'), max_size=8)
    ).map("".join)
)
@example("\ud800")
def test_any_text_is_a_job_or_a_job_error(text: str) -> None:
    """Any text is a job or raises JobError, nothing else."""
    try:
        parse_job(text)
    except JobError as problem:
        assert str(problem).startswith("job file: ")  # noqa: PT017 - a success is as good


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(documents, st.data())
def test_any_value_in_any_place_is_a_job_or_a_job_error(
    document: dict[str, Any], data: st.DataObject
) -> None:
    """A value of a wrong type anywhere is refused with a printable message."""
    table = data.draw(st.sampled_from([document, document["operation"], document["select"]]))
    table[data.draw(st.sampled_from(sorted(table)))] = data.draw(anything)
    try:
        job_from_builtins(document)
    except JobError as problem:
        assert str(problem).isprintable()  # noqa: PT017 - a success is as good
