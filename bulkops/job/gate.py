"""Decides a gate's environment, and which files its command needs. Pure.

A gate inherits the environment of bulkops without its credentials:

| variable                                                   | the gate gets it             |
|------------------------------------------------------------|------------------------------|
| one that ``gate_env`` names                                | yes                          |
| ``TFE_TOKEN``, ``TF_TOKEN_…``, and any other whose name    | no                           |
| starts with ``TFE_``, ``TFC_``, ``TF_`` or ``ATLAS_`` and  |                              |
| contains ``TOKEN``                                         |                              |
| ``AWS_…``, ``AZURE_…``, ``ARM_…``, ``GOOGLE_…``            | no                           |
| ``OTEL_EXPORTER_…HEADERS``                                 | no                           |
| one that the job names for a secret: its HMAC key, a       | no                           |
| webhook, …                                                 |                              |
| any other                                                  | yes                          |

The files that a command needs follow from its first words:

| the command starts with                                    | needs                        |
|------------------------------------------------------------|------------------------------|
| a path: ``./check.sh --quick``                             | that program                 |
| a name: ``promtool``                                       | that program, on the PATH    |
| an interpreter and a path or name: ``sh check.sh``         | both; the script is a file   |
| ``.`` and a path                                           | that file                    |
| assignments, ``exec``, ``env``, …, and one of these        | the same                     |
| anything else: ``cd x && …``, ``$CHECK``, ``if …``         | nothing                      |
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import NamedTuple

import msgspec


class GateCall(msgspec.Struct, frozen=True):
    """One run of a gate.

    Attributes:
        command: a shell command.
        variables: the ``BULKOPS_…`` variables, which tell it the job's progress.
        folder: where it runs; empty for the current folder.
        kept: the variables in ``gate_env``.
        secrets: the variables that hold secrets of the job (``Job.secret_variables``).
    """

    command: str
    variables: Mapping[str, str]
    folder: str = ""
    kept: tuple[str, ...] = ()
    secrets: frozenset[str] = frozenset()


class Needed(NamedTuple):
    """A file that a gate's command needs.

    Attributes:
        word: the word in the command.
        runs: it is a program; otherwise it is only read.
    """

    word: str
    runs: bool


_WITHHELD = re.compile(
    r"(TFE_|TFC_|TF_|ATLAS_).*TOKEN|(AWS|AZURE|ARM|GOOGLE)_|OTEL_EXPORTER_.*HEADERS", re.DOTALL
)
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_INTERPRETER = re.compile(r"(.*/)?(sh|bash|dash|ksh|zsh|node|perl|ruby|(python|pypy)[0-9.]*)")
_PLAIN = re.compile(r"[\w./+@%:,-]([\w./+@%:, -]*[\w./+@%:,-])?")
"""A word that every shell takes literally."""

_BEFORE = frozenset(["!", "command", "env", "exec", "nice", "nohup", "time"])
"""Words that come before the program."""

_SHELLS_OWN = frozenset(
    [
        *(":", "[", "[[", "{", "}", "alias", "bg", "break", "builtin", "case", "cd"),
        *("continue", "coproc", "declare", "do", "done", "echo", "elif", "else", "esac", "eval"),
        *("exit", "export", "false", "fc", "fg", "fi", "for", "function", "getopts", "hash"),
        *("help", "if", "in", "jobs", "kill", "let", "local", "popd", "printf", "pushd", "pwd"),
        *("read", "readonly", "return", "select", "set", "shift", "shopt", "source", "test"),
        *("then", "times", "trap", "true", "type", "typeset", "ulimit", "umask", "unalias"),
        *("unset", "until", "wait", "while"),
    ]
)


def gate_environment(environ: Mapping[str, str], call: GateCall) -> dict[str, str]:
    """Return the environment of a gate (see the first table above).

    Args:
        environ: the environment of this process.
    """
    passed = {
        name: value
        for name, value in environ.items()
        if name in call.kept or not (name in call.secrets or _WITHHELD.match(name))
    }
    return {**passed, **call.variables}


def needed_by(command: str) -> list[Needed]:
    """Return the files that a command certainly needs (see the second table above)."""
    words = _words(command)
    path_is_set = False
    while words and (_ASSIGNMENT.match(words[0]) or words[0] in _BEFORE):
        path_is_set |= words[0].startswith("PATH=")
        words = words[1:]
    first, second = (*words, "", "")[:2]
    script = [Needed(second, runs=False)] if _PLAIN.fullmatch(second) and second[0] != "-" else []
    if first == ".":
        return script if "/" in second else []
    if not _PLAIN.fullmatch(first) or first in _SHELLS_OWN or first[0] == "-":
        return []
    defines_it = second.startswith("(")
    if defines_it or (path_is_set and "/" not in first):
        return []
    return [Needed(first, runs=True), *(script if _INTERPRETER.fullmatch(first) else ())]


def _words(command: str) -> list[str]:
    """Return the words of a command's first line; operators are separate words."""
    lexer = shlex.shlex(command.strip().partition("\n")[0], posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:
        # A quotation that continues on the next line.
        return []
