"""``where``: which conditions are valid, which values meet them, and the objections."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkops.job.conditions import ATTRIBUTES, Objection, parse_condition, parse_conditions

FULFILLED = [
    ("terraform-version < 1.10", "1.9.8"),
    ("terraform-version < 1.6", "1.5.7"),
    ("terraform-version >= 1.6", "1.10.0"),
    ("terraform-version = 1.6", "1.6.0"),
    ("terraform-version = v1.6.0+build", "1.6"),
    ("terraform-version < 1.6.0", "1.6.0-rc1"),
    ("terraform-version > 1.6.0-rc.2", "1.6.0-rc.10"),
    ("terraform-version > 1.6.0-1", "1.6.0-alpha"),
    ("terraform-version != 1.6", "1.6.1"),
    ("terraform-version ~> 1.5", "1.9.8"),
    ("terraform-version ~> 1.5.3", "1.5.10"),
    ("terraform-version ~> 1", "2.0.0"),
    ("terraform-version~>1.0", "1"),
    ("terraform-version ~> 1.6.0-rc1", "1.6.0-rc2"),
    ("locked=false", False),
    ("auto-apply != false", True),
    ("updated-at >= 2026-01-01", "2026-01-01T00:00:00.000Z"),
    ("updated-at < 2026-01-01T01:00:00+01:00", "2025-12-31T23:59:59.999Z"),
    ("updated-at<2026-01-01 12:00", "2026-01-01T11:59:00z"),
    ("resource-count > 0", 1),
    ("resource-count <= 10", 10),
    ("execution-mode = remote", "remote"),
    ("execution-mode != local", "agent"),
    ("vcs-repo-identifier =", None),
    ("vcs-repo-identifier = ", ""),
    ("vcs-repo-identifier != acme/app", None),
    ("description = two words", "two words"),
]


@pytest.mark.parametrize(("text", "value"), FULFILLED)
def test_what_meets_a_condition(text: str, value: object) -> None:
    """Versions, dates and numbers are compared as such, not as text."""
    condition = parse_condition(text)
    assert condition.objection({condition.attribute: value}) is None


OBJECTIONS = [
    ("terraform-version < 1.6", "1.6.0", 'its terraform-version is "1.6.0", not < 1.6'),
    ("terraform-version ~> 1.5", "2.0.0", 'its terraform-version is "2.0.0", not ~> 1.5'),
    ("terraform-version ~> 1.5.0", "1.6.0", 'its terraform-version is "1.6.0", not ~> 1.5.0'),
    ("terraform-version ~> 1.5.3", "1.5.2", 'its terraform-version is "1.5.2", not ~> 1.5.3'),
    ("terraform-version ~> 1.6", "1.6.0-rc1", 'its terraform-version is "1.6.0-rc1", not ~> 1.6'),
    ("locked = false", True, "its locked is true, not = false"),
    ("resource-count > 0", 0, "its resource-count is 0, not > 0"),
    ("vcs-repo-identifier = a/b", None, "its vcs-repo-identifier is none, not = a/b"),
    ("working-directory =", "x", 'its working-directory is "x", not = none'),
    ("execution-mode = agent", "remote", 'its execution-mode is "remote", not = agent'),
    (
        "updated-at > 2026-01-01",
        "2025-01-01T00:00:00Z",
        'its updated-at is "2025-01-01T00:00:00Z", not > 2026-01-01',
    ),
]


@pytest.mark.parametrize(("text", "value", "objection"), OBJECTIONS)
def test_an_objection_gives_the_reason(text: str, value: object, objection: str) -> None:
    """The objection names the attribute, its value and the condition."""
    condition = parse_condition(text)
    assert condition.objection({condition.attribute: value}) == Objection(objection)


UNKNOWN: list[tuple[str, dict[str, object]]] = [
    *((text, {}) for text in ("locked = false", "locked != false", "description =")),
    *((text, {}) for text in ("resource-count < 5", "terraform-version < 1.6")),
    ("locked = false", {"locked": None}),
    ("auto-apply != true", {"auto-apply": None}),
    ("terraform-version != 1.6", {"terraform-version": None}),
    ("execution-mode != local", {"execution-mode": None}),
    ("updated-at > 2026-01-01", {"updated-at": None}),
]


@pytest.mark.parametrize(("text", "attributes"), UNKNOWN)
def test_an_attribute_that_is_not_shown_is_unknown(
    text: str, attributes: dict[str, object]
) -> None:
    """An attribute is unknown if it is absent, or null although the server never has null there."""
    condition = parse_condition(text)
    assert condition.objection(attributes) == Objection(
        f"its {condition.attribute} is unknown: the server doesn't show it", known=False
    )


UNCOMPARED: list[tuple[str, object, str]] = [
    ("terraform-version != 1.6", "latest", '"latest" is not a version'),
    ("terraform-version != 1.6", "~> 1.6", '"~> 1.6" is not a version'),
    ("terraform-version ~> 1.6", "~> 1.6", '"~> 1.6" is not a version'),
    ("terraform-version ~> 1.6", ">= 1.3, < 2", '">= 1.3, < 2" is not a version'),
    ("updated-at > 2026-01-01", "2026-02-30T00:00:00Z", "is not a date"),
    ("updated-at > 2026-01-01", "yesterday", '"yesterday" is not a date'),
    ("resource-count < 5", None, "none is not a whole number"),
    ("auto-destroy-at > 2026-01-01", None, "none is not a date"),
]


@pytest.mark.parametrize(("text", "value", "why"), UNCOMPARED)
def test_a_value_that_can_not_be_compared_meets_no_condition(
    text: str, value: object, why: str
) -> None:
    """A value of another form, or none, meets no condition, not even !=; the objection names it."""
    condition = parse_condition(text)
    objection = condition.objection({condition.attribute: value})
    assert objection is not None
    assert objection.known
    assert objection.uncompared is not None
    assert objection.uncompared[0] == condition.attribute
    assert objection.words.startswith(f"its {condition.attribute} can't be compared: ")
    assert why in objection.words


MISTYPED: list[tuple[str, object, str]] = [
    ("resource-count < 5", True, "true is not a whole number"),
    ("resource-count < 5", "many", '"many" is not a whole number'),
    ("execution-mode != local", ["local"], "is not one of"),
    ("locked != true", "maybe", '"maybe" is not true or false'),
    ("terraform-version != 1.6", 1, "1 is not a version"),
    ("updated-at > 2026-01-01", False, "false is not a date"),
    ("description = x", {}, "is not text"),
]


@pytest.mark.parametrize(("text", "value", "why"), MISTYPED)
def test_a_value_of_the_wrong_type_is_unknown(text: str, value: object, why: str) -> None:
    """What such a value means can't be known, so the workspace is neither selected nor left out."""
    condition = parse_condition(text)
    objection = condition.objection({condition.attribute: value})
    assert objection is not None
    assert not objection.known
    assert why in objection.words


@pytest.mark.parametrize(
    ("text", "value"), [("locked = false", "false"), ("resource-count = 7", "7")]
)
def test_booleans_and_numbers_may_be_texts(text: str, value: str) -> None:
    """Some servers write them so."""
    condition = parse_condition(text)
    assert condition.objection({condition.attribute: value}) is None


REFUSED = [
    ("locked", "not a condition: give ATTRIBUTE OPERATOR VALUE, such as "),
    ("locked == true", "with one of the operators = != < <= > >="),
    ("= true", "not a condition"),
    (
        "lokced = true",
        'unknown attribute lokced: did you mean "locked"? Known: terraform-version, ',
    ),
    ("zzz = true", "unknown attribute zzz. Known: "),
    ("Locked = true", "unknown attribute Locked"),
    ("locked < true", "locked can't be compared with <: use one of = !="),
    ("locked = yes", '"yes" is not true or false'),
    ("updated-at = 2026-01-01", "updated-at can't be compared with =: use one of < <= > >="),
    ("updated-at > 2026-02-30", '"2026-02-30" is not a date such as 2026-01-31'),
    ("updated-at > today", '"today" is not a date'),
    ("resource-count > many", '"many" is not a whole number'),
    ("resource-count > -1", '"-1" is not a whole number'),
    ("terraform-version < latest", '"latest" is not a version such as 1.6'),
    ("terraform-version < ~> 1.6", '"~> 1.6" is not a version'),
    ("execution-mode = remot", '"remot" is not one of "remote", "local", "agent"'),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_an_error_lists_what_is_allowed(text: str, message: str) -> None:
    """An unknown attribute, a wrong operator or a wrong value is refused with what is allowed."""
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_condition(text)


anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates().map(str)


@given(st.sampled_from(sorted(ATTRIBUTES)), st.sampled_from(["=", "!=", "<", ">="]), st.data())
def test_a_condition_and_its_opposite(name: str, operator: str, data: st.DataObject) -> None:
    """Of a condition and its opposite, exactly one is met, or neither can be evaluated."""
    opposite = {"=": "!=", "!=": "=", "<": ">=", ">=": "<"}[operator]
    samples = ["1.6", "1.6.0-rc1", "true", "false", "3", "2026-01-01", "remote", "some text"]
    value = data.draw(st.sampled_from(samples))
    try:
        one, other = (parse_condition(f"{name} {o} {value}") for o in (operator, opposite))
    except ValueError:
        return
    shown = {name: data.draw(anything | st.sampled_from(samples))}
    objections = [one.objection(shown), other.objection(shown)]
    undecided = [
        objection is not None and (not objection.known or objection.uncompared is not None)
        for objection in objections
    ]
    assert undecided in ([True, True], [False, False])
    assert undecided == [True, True] or objections.count(None) == 1


@given(st.text())
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    """Any text is a condition or raises ValueError."""
    with contextlib.suppress(ValueError):
        assert parse_condition(text).attribute in ATTRIBUTES


NUMBERS = st.lists(st.integers(0, 3), min_size=1, max_size=3)


@given(NUMBERS, NUMBERS)
def test_a_pessimistic_constraint_is_a_range(lowest: list[int], numbers: list[int]) -> None:
    """``~> 1.5`` is ``>= 1.5, < 2``, and ``~> 1`` has no end."""
    written, version = (".".join(map(str, part)) for part in (lowest, numbers))
    *fixed, last = lowest[:-1] or [0]
    end = ".".join(map(str, [*fixed, last + 1])) if len(lowest) > 1 else "4"
    shown = {"terraform-version": version}
    (pessimistic,) = parse_conditions("where", [f"terraform-version ~> {written}"])
    between = parse_conditions("where", [f"terraform-version >= {written}, < {end}"])
    meets = not any(condition.objection(shown) for condition in between)
    assert (pessimistic.objection(shown) is None) is meets


def test_a_version_constraint_is_several_conditions() -> None:
    """Its parts are separated by commas, as in Terraform; in a text, a comma is a comma."""
    texts = ["terraform-version>=1.3,<2 , != 1.4", "description = a, < b"]
    found = [(c.operator, c.value) for c in parse_conditions("where", texts)]
    assert found == [(">=", "1.3"), ("<", "2"), ("!=", "1.4"), ("=", "a, < b")]
    for wrong in ("terraform-version >= 1.3, < x", "terraform-version >= 1.3, <"):
        with pytest.raises(ValueError, match=re.escape(f'where[0] = "{wrong}"')):
            parse_conditions("where", [wrong])
    with pytest.raises(ValueError, match="resource-count can't be compared with ~>"):
        parse_conditions("where", ["resource-count ~> 4"])
