"""TOML text → a document; hints for the most common mistakes, above all missing quotes. Pure."""

from __future__ import annotations

import re
import tomllib

from bulkops.checking import shown
from bulkops.errors import JobError

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'')
_COMMENT = re.compile(r"(^|\s)#.*")
_KEY = re.compile(r"[^=]*=")
# A bracket after a letter or a wildcard belongs to a pattern, as in prod-[ab].
_ENTRIES = re.compile(r"(?:[^,\[\]{}]|(?<=[\w*?-])\[[^\]]*\])+")
_TOKEN = re.compile(r"\btoken\w*\s*=|\.atlasv1\.")
"""A value that may be a token, which no message may contain."""
_QUOTES = "\"'`\u2018\u2019\u201c\u201d\u201e"
"""Characters around a text that are not TOML quotes, or only one half of a pair."""

_SWITCHES = {
    **dict.fromkeys(("true", "yes", "on"), "true"),
    **dict.fromkeys(("false", "no", "off"), "false"),
}
_NOTHING = {"none", "null", "nil"}


def parse_toml(text: str, source: str) -> dict[str, object]:
    """Return the document in a TOML text; ``source`` is the file's name, for error messages.

    Raises:
        JobError: the text is not TOML; the message names the place.
    """
    try:
        text.encode()  # tomllib accepts a lone surrogate, but it can't be written to a journal
        return tomllib.loads(text)
    except RecursionError:
        raise JobError(f"{source}: not valid TOML: nested too deeply") from None
    except ValueError as problem:  # TOMLDecodeError, and an integer of thousands of digits
        hint = toml_hint(str(problem), text)
        raise JobError(f"{source}: not valid TOML: {_located(str(problem), text)}{hint}") from None


def toml_hint(problem: str, text: str) -> str:
    """Return a sentence on how to fix a mistake in TOML, starting with ". "; empty without one.

    Args:
        problem: the message of ``tomllib``, which names the line.
        text: the text of the whole file.
    """
    if problem.startswith("Cannot declare ('shard',)"):
        return ". Write [[shard]] with two brackets for each of them"
    header = _COMMENT.sub("", _line_of(problem, text)).strip()
    if problem.startswith("Cannot") and header in ("[operation]", "[[operation]]"):
        return ". Write [[operation]] with two brackets for each of several steps"
    return _unquoted_hint(problem, text)


def _unquoted_hint(problem: str, text: str) -> str:
    """Return a sentence on how to fix a value without quotes, starting with ". ".

    Returns:
        Empty if the mistake is a different one, or the value may be a token.
    """
    line = _line_of(problem, text)
    key = _KEY.match(line)
    broken = key is not None or problem.startswith(("Invalid value", "Unclosed array"))
    if not broken or _TOKEN.search(line):
        return ""
    value = (line[key.end() :] if key else line).strip()
    for word in _words(value, listed=key is None):
        bare = word.strip(_QUOTES).strip()
        if not bare or word.startswith("=") or _is_toml(word):
            continue
        if bare.lower() in _SWITCHES:
            return f". Write {_SWITCHES[bare.lower()]} for a boolean; a string needs quotes"
        if bare.lower() in _NOTHING:
            return ". Leave the key out: TOML has no empty value"
        if "," in bare:
            return f". Write a list of strings in quotes: {shown(re.split(r' *, *', bare))}"
        return f". Put the string in quotes: {shown(bare)}"
    return ""


def _line_of(problem: str, text: str) -> str:
    found = re.search(r"\(at line (\d+), column \d+", problem)
    lines = text.split("\n")
    number = int(found[1]) if found else len(lines)
    return lines[number - 1] if number <= len(lines) else ""


def _words(value: str, *, listed: bool) -> list[str]:
    """Return the unquoted parts of a value, or of the entries of a list."""
    value = _COMMENT.sub("", _STRING.sub('""', value)).strip()
    if value.startswith('""'):
        return []
    if not listed and value[:1] not in ("[", "{"):
        return [value]
    entries = _ENTRIES.findall(value)
    if "{" in value:
        # Of an inline table, only the values.
        entries = [entry.rpartition("=")[2] for entry in entries]
    return [entry.strip() for entry in entries if not entry.strip().startswith('""')]


def _is_toml(word: str) -> bool:
    try:
        tomllib.loads(f"value = {word}")
    except ValueError:
        return False
    return True


def _located(problem: str, text: str) -> str:
    # This is the only error for which tomllib gives no line and column.
    line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
    end = f"(at line {line}, column {column}, the end of the file)"
    return problem.replace("(at end of document)", end)
