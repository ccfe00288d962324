"""``where``: conditions on a workspace's attributes, ``terraform-version < 1.6``. Pure.

The attributes are those in HashiCorp's OpenAPI description that have a single plain value.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bulkops.checking import one_of, shown


def _pessimistic(known: Any, desired: Any) -> bool:
    """Compare as Terraform's ``~>``: only the last number that is written may be higher."""
    lowest, fixed = desired
    numbers = (*known[0], *(0,) * len(fixed))
    return bool(known >= lowest) and numbers[: len(fixed)] == fixed


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "~>": _pessimistic,
}
_EQUAL = ("=", "!=")
_ORDERED = ("<", "<=", ">", ">=")

_CONDITION = re.compile(r"\s*([A-Za-z_-]+)\s*([=!<>~]+)\s*(.*?)\s*", re.DOTALL)
_NAME = re.compile(r"\s*([A-Za-z_-]+)")
_FURTHER = re.compile(r",(?=\s*[=!<>~])")
_VERSION = re.compile(r"v?(\d{1,9}(?:\.\d{1,9}){0,3})(?:-([0-9A-Za-z.-]{1,80}))?(?:\+\S*)?")
_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:[Zz]|[+-]\d\d:\d\d)?)?"
)


class Objection(NamedTuple):
    """Why a workspace is not selected.

    Attributes:
        words: the reason, with the workspace as "it".
        known: False if the server doesn't show the deciding attribute: the workspace may be
            selected after all.
        uncompared: attribute and value, if the server shows a value that can't be compared.
    """

    words: str
    known: bool = True
    uncompared: tuple[str, str] | None = None


class _Kind(NamedTuple):
    """How one type of attribute is compared.

    Attributes:
        words: the allowed values, to follow "not …".
        operators: the allowed operators.
        written: a condition's text → comparable value, ``None`` if it is not allowed; for ``~>``,
            see ``_pessimistic``.
        known: the server's value → comparable value, ``None`` if it can't be compared.
        optional: the server's null means "none"; otherwise it means "not shown".
        free: the server may show any text, such as the version ``latest``; another value that
            can't be compared is unknown.
    """

    words: str
    operators: tuple[str, ...]
    written: Callable[[str], object]
    known: Callable[[object], object]
    optional: bool = False
    free: bool = True


def _version(value: object) -> object:
    found = _VERSION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    numbers = [int(number) for number in found[1].split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    if not found[2]:
        return tuple(numbers), (1,)
    # As in semver: 1.6.0-beta1 comes before 1.6.0, numbers before words.
    parts = found[2].split(".")
    return tuple(numbers), (0, *((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts))


def _date(value: object) -> object:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return None
    try:
        moment = datetime.fromisoformat(value.upper())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _count(value: object) -> object:
    if isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: object) -> object:
    # The server's null is a text that was never set: it counts as empty, not as unknown.
    return "" if value is None else value if isinstance(value, str) else None


def _boolean(value: object) -> object:
    # Some servers write booleans and numbers as texts.
    value = {"true": True, "false": False}.get(value) if isinstance(value, str) else value
    return value if isinstance(value, bool) else None


def _choice(*values: str) -> _Kind:
    def known(value: object) -> object:
        return value if isinstance(value, str) else None

    return _Kind(one_of(values), _EQUAL, lambda text: text if text in values else None, known)


_VERSIONS = _Kind(
    "a version such as 1.6 or 1.6.0-rc1", (*_EQUAL, *_ORDERED, "~>"), _version, _version
)
_MOMENTS = _Kind("a date such as 2026-01-31 or 2026-01-31T12:00:00Z", _ORDERED, _date, _date)
_DATES = _MOMENTS._replace(optional=True)
_COUNTS = _Kind(
    "a whole number",
    (*_EQUAL, *_ORDERED),
    lambda text: int(text) if re.fullmatch("[0-9]{1,18}", text) else None,
    _count,
    optional=True,
    free=False,
)
_BOOLEANS = _Kind("true or false", _EQUAL, {"true": True, "false": False}.get, _boolean, free=False)
_TEXTS = _Kind("text", _EQUAL, _text, _text, optional=True)

_KINDS = {
    _VERSIONS: "terraform-version",
    _choice("remote", "local", "agent"): "execution-mode",
    _BOOLEANS: "locked auto-apply auto-apply-run-trigger allow-destroy-plan assessments-enabled "
    "file-triggers-enabled global-remote-state hyok-enabled inherits-project-auto-destroy "
    "project-remote-state queue-all-runs speculative-enabled structured-run-output-enabled",
    _COUNTS: "resource-count apply-duration-average plan-duration-average policy-check-failures "
    "run-failures workspace-kpis-runs-count",
    _MOMENTS: "created-at updated-at",
    _DATES: "latest-change-at last-assessment-result-at auto-destroy-at",
    _TEXTS: "auto-destroy-status description environment locked-reason source source-name "
    "vcs-repo-identifier working-directory",
}
ATTRIBUTES = {name: kind for kind, names in _KINDS.items() for name in names.split()}
"""Attribute → how it is compared."""


class Condition(NamedTuple):
    """``ATTRIBUTE OPERATOR VALUE``.

    Attributes:
        desired: ``value`` as it is compared (see ``_Kind``).
    """

    attribute: str
    operator: str
    value: str
    desired: object

    def objection(self, attributes: Mapping[str, object]) -> Objection | None:
        """Return why a workspace doesn't meet this condition, ``None`` if it does.

        Args:
            attributes: what the server shows. A missing attribute, or a null that this attribute
                never has, is unknown, and so is a value of the wrong type. A text that can't be
                compared, such as the version ``latest``, meets no condition, not even ``!=``.
        """
        name, value = self.attribute, attributes.get(self.attribute)
        kind = ATTRIBUTES[name]
        if name not in attributes or (value is None and not kind.optional):
            return Objection(f"its {name} is unknown: the server doesn't show it", known=False)
        known, text = kind.known(value), "none" if value is None else shown(value)
        if known is None:
            words = f"its {name} can't be compared: {text} is not {kind.words}"
            if value is not None and not (kind.free and isinstance(value, str)):
                return Objection(words, known=False)
            return Objection(words, uncompared=(name, text))
        if _OPERATORS[self.operator](known, self.desired):
            return None
        return Objection(f"its {name} is {text}, not {self.operator} {self.value or 'none'}")


def parse_condition(text: str) -> Condition:
    """Return a condition from its text; ``ValueError`` says what is allowed."""
    found = _CONDITION.fullmatch(text)
    if found is None or found[2] not in _OPERATORS:
        operators = " ".join(_OPERATORS)
        raise ValueError(
            'not a condition: give ATTRIBUTE OPERATOR VALUE, such as "terraform-version < 1.6", '
            f"with one of the operators {operators}"
        )
    name, operator_, value = found[1], found[2], found[3]
    if name not in ATTRIBUTES:
        near = difflib.get_close_matches(name, ATTRIBUTES, n=1)
        hint = f': did you mean "{near[0]}"?' if near else "."
        raise ValueError(f"unknown attribute {name}{hint} Known: {', '.join(ATTRIBUTES)}")
    kind = ATTRIBUTES[name]
    if operator_ not in kind.operators:
        operators = " ".join(kind.operators)
        raise ValueError(f"{name} can't be compared with {operator_}: use one of {operators}")
    desired = kind.written(value)
    if desired is None:
        raise ValueError(f"{shown(value)} is not {kind.words}")
    if operator_ == "~>":
        desired = desired, _fixed(value)
    return Condition(name, operator_, value, desired)


def _fixed(version: str) -> tuple[int, ...]:
    """Return the numbers of a version that ``~>`` leaves as they are: all but the last."""
    found = _VERSION.fullmatch(version)
    numbers = found[1].split(".") if found else []
    return tuple(int(number) for number in numbers[:-1])


def _each(text: str) -> Iterator[str]:
    """Yield the conditions of ``terraform-version >= 1.3, < 2``, a version constraint."""
    named = _NAME.match(text)
    if named is None or ATTRIBUTES.get(named[1]) is not _VERSIONS:
        yield text
        return
    first, *further = _FURTHER.split(text)
    yield first
    yield from (f"{named[1]} {one}" for one in further)


def parse_conditions(field: str, texts: Iterable[str]) -> list[Condition]:
    """Return the conditions of a list; ``ValueError`` names the wrong entry.

    One about a version may have several parts: ``terraform-version >= 1.3, < 2``.
    """
    conditions: list[Condition] = []
    for index, text in enumerate(texts):
        try:
            conditions += map(parse_condition, _each(text))
        except ValueError as problem:
            raise ValueError(f"{field}[{index}] = {shown(text)}: {problem}") from None
    return conditions
