"""Reads HCL 1, the language of Terraform's CLI configuration. Pure.

A file whose first character is ``{`` is JSON instead, in HCL's syntax for it. No error quotes the
text, because it may contain a token. (HCL 2 is another language: its parsers refuse
``dev_overrides``, which is common in these files.)
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
    (?P<blank>[ \t\r\n]+ | \#[^\n]* | //[^\n]* | /\*.*?\*/)
    | <<-?(?P<mark>\w+)[ \t]*\n(?P<heredoc>(?:[^\n]*\n)*?)[ \t]*(?P=mark)[ \t]*(?=\n|\Z)
    | (?P<string>"(?:[^"\\\n]|\\.)*")
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    | (?P<word>[^\W\d][\w.-]*)
    | (?P<sign>[=\[\]{},])
    """,
    re.VERBOSE | re.DOTALL,
)
_CONSTANTS = {"true": True, "false": False, "null": None}


class HclError(ValueError):
    """The text isn't HCL; the message has the line and no part of the text but signs."""


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


def parse(text: str) -> dict[str, object]:
    """Return a configuration as nested dictionaries; a block's labels are keys.

    ``credentials "a.com" { token = "x" }`` is ``{"credentials": {"a.com": {"token": "x"}}}``.

    Raises:
        HclError: the text is neither HCL nor a JSON object.
    """
    try:
        if text.lstrip().startswith("{"):
            return _flat(json.loads(text, parse_int=float))
        return _body(deque(_tokens(text)), "end")
    except json.JSONDecodeError as problem:
        raise HclError(f"line {problem.lineno}: {problem.msg}") from None
    except RecursionError:
        raise HclError("it is nested too deeply") from None


def _flat(body: Mapping[str, object]) -> dict[str, object]:
    """Return an object in which each list of objects, HCL's repeated blocks, is one object."""
    flat: dict[str, object] = {}
    for key, value in body.items():
        listed: list[object] = value if isinstance(value, list) else [value]
        blocks = [one for one in listed if isinstance(one, dict)]
        if not blocks or len(blocks) < len(listed):
            _put(flat, [key], value)
            continue
        for block in blocks:
            _put(flat, [key], _flat(block))
    return flat


def _tokens(text: str) -> Iterator[_Token]:
    position, line = 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise HclError(f"line {line}: there is something that HCL does not have")
        kind = match.lastgroup or ""
        if kind != "blank":
            yield _Token(match[kind] if kind == "sign" else kind, match[kind], line)
        line += match[0].count("\n")
        position = match.end()
    yield _Token("end", "", line)


def _body(tokens: deque[_Token], closing: str) -> dict[str, object]:
    """Return the items up to a token of this kind."""
    body: dict[str, object] = {}
    while (token := tokens.popleft()).kind != closing:
        if token.kind == ",":
            continue
        keys = []
        while token.kind in ("word", "string"):
            keys.append(_string(token) if token.kind == "string" else token.text)
            token = tokens.popleft()
        if not keys or token.kind not in ("=", "{"):
            raise _unexpected(token)
        _put(body, keys, _body(tokens, "}") if token.kind == "{" else _value(tokens))
    return body


def _put(body: dict[str, object], keys: list[str], value: object) -> None:
    *labels, last = keys
    for label in labels:
        inner = body.get(label)
        body[label] = body = dict(inner) if isinstance(inner, dict) else {}
    before = body.get(last)
    if isinstance(before, dict) and isinstance(value, dict):
        value = before | value
    body[last] = value


def _value(tokens: deque[_Token]) -> object:
    token = tokens.popleft()
    match token.kind:
        case "string":
            return _string(token)
        case "heredoc":
            return token.text
        case "number":
            return float(token.text)
        case "word" if token.text in _CONSTANTS:
            return _CONSTANTS[token.text]
        case "{":
            return _body(tokens, "}")
        case "[":
            return list(_items(tokens))
        case _:
            raise _unexpected(token)


def _items(tokens: deque[_Token]) -> Iterator[object]:
    while tokens[0].kind != "]":
        yield _value(tokens)
        if tokens[0].kind == ",":
            tokens.popleft()
        elif tokens[0].kind != "]":
            raise _unexpected(tokens[0])
    tokens.popleft()


def _string(token: _Token) -> str:
    try:
        # HCL has JSON's escapes and a few more, which such a file doesn't need.
        return str(json.loads(token.text, strict=False))
    except ValueError:
        raise HclError(f"line {token.line}: a text with an unknown escape") from None


def _unexpected(token: _Token) -> HclError:
    found = "the end of the file" if token.kind == "end" else f"a {token.kind}"
    sign = f"{token.kind!r}" if len(token.kind) == 1 else found
    return HclError(f"line {token.line}: {sign} is not expected here")
