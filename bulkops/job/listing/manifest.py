"""A manifest (a list of workspaces, CSV or JSON) → its rows. Pure: the caller reads the file.

The output of bulkops with ``--json`` and its JSON report are manifests, too, and so is the list or
map that ``terraform output -json NAME`` prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bulkops.job.listing.csv_rows import csv_rows
from bulkops.job.listing.entries import entry
from bulkops.job.listing.json_rows import json_rows


class ListedRow(NamedTuple):
    """One row of a manifest.

    Attributes:
        entry: the workspace's id or, if the row has none, its name.
        place: the file and the line or row, for error messages.
        cells: column or member → value: the text of a CSV file, stripped, or any JSON value.
            A column that the file has twice is left out.
    """

    entry: str
    place: str
    cells: Mapping[str, object]


class Manifest(NamedTuple):
    """The content of a file that lists workspaces.

    Attributes:
        source: the file's name, for error messages.
        rows: in the file's order.
    """

    source: str
    rows: Sequence[ListedRow]

    @property
    def entries(self) -> tuple[str, ...]:
        """The names or ids that it lists, without duplicates; of a row with both, the id."""
        return tuple(dict.fromkeys(row.entry for row in self.rows))


def parse_manifest(text: str, source: str) -> Manifest:
    """Return what a file lists.

    Args:
        source: the file's name, for error messages.

    Raises:
        JobError: it is neither CSV with a header nor JSON; the message names the line and what is
            allowed.
    """
    rows = json_rows(text, source) if text.lstrip()[:1] in ("{", "[") else csv_rows(text, source)
    listed = (
        ListedRow(entry(row, place), place, {} if isinstance(row, str) else row)
        for place, row in rows
    )
    return Manifest(source, list(listed))
