"""What all pages are made of: safe templates, the style, the script, and what these may do. Pure.

Everything that comes from a job or a server is text: Jinja2 escapes it, the rows are JSON in which
``<`` is escaped, and a Content-Security-Policy allows only the style and script hashed here.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import partial
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from bulkops import __version__
from bulkops.report.html import latency_chart, timeline_chart
from bulkops.report.words import date, outcome_in_words
from bulkops.text import counted, escaped

PAGE = 100
"""Rows shown at once; the first page is in the HTML, for readers without JavaScript."""


def generated(package: str, template: str, **values: object) -> Iterator[str]:
    """Yield a page, in pieces.

    Args:
        package: whose file the template is; those of this package can be included, too.
        values: its own variables, besides the common ones.
    """
    environment = Environment(
        loader=FunctionLoader(partial(_text_of, (package, __package__))),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_escape_controls,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"words": outcome_in_words, "date": date, "px": _px, "percent": _percent}
    style, script = (_text_of((__package__,), name) for name in ("style.css", "table.js"))
    # Globals, because a template that is imported does not see the variables of a page.
    environment.globals |= {
        "version": __version__,
        "style": style,
        "script": script,
        "style_hash": _hash(style),
        "script_hash": _hash(script),
        "sizes": {"timeline": timeline_chart, "latency": latency_chart},
        "page": PAGE,
        "counted": counted,
    }
    return environment.get_template(template).generate(**values)


def _text_of(packages: Iterable[str], name: str) -> str:
    found = (files(package).joinpath(name) for package in packages)
    return next(file for file in found if file.is_file()).read_text(encoding="utf-8")


def _escape_controls(value: object) -> object:
    """Escape what could reorder or hide text, as every other format does."""
    return escaped(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _px(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _percent(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".") + "%"
