"""Class members that docstrings and comments mention exist."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import bulkops

MODULES = sorted(Path(bulkops.__file__).parent.rglob("*.py"))


def members(node: ast.ClassDef) -> set[str]:
    """Return the names of a class's methods and attributes."""
    found = {child.name for child in node.body if isinstance(child, ast.FunctionDef)}
    found |= {child.name for child in node.body if isinstance(child, ast.AsyncFunctionDef)}
    for child in ast.walk(node):
        if isinstance(child, ast.Assign | ast.AnnAssign):
            targets = child.targets if isinstance(child, ast.Assign) else [child.target]
            found |= {t.id for t in targets if isinstance(t, ast.Name)}
            found |= {t.attr for t in targets if isinstance(t, ast.Attribute)}
    return found


def test_class_members_mentioned_in_the_sources_exist() -> None:
    """For every ``Class.name`` in the sources, the class or a base has that name."""
    own, bases = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    texts = {path: path.read_text(encoding="utf-8") for path in MODULES}
    for text in texts.values():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                own[node.name] |= members(node)
                bases[node.name] |= {ast.unparse(base).partition("[")[0] for base in node.bases}

    def has(kind: str, name: str) -> bool:
        return name in own[kind] or any(has(base, name) for base in bases[kind])

    wrong = [
        f"{path.name}: {kind}.{name}"
        for path, text in texts.items()
        for kind, name in re.findall(r"``([A-Z]\w+)\.(\w+)", text)
        if kind in set(own) and not has(kind, name)
    ]
    assert not wrong
