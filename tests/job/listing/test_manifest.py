"""Manifests: which files list workspaces, and how errors read."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bulkops.errors import JobError
from bulkops.files import read_text
from bulkops.job.file import load_job
from bulkops.job.job import job_from_builtins, job_to_builtins
from bulkops.job.listing.manifest import parse_manifest

READ = {
    "name\na\nb\na\n": ("a", "b"),
    " Name ,owner\n a ,x\nb,y,,\n\n": ("a", "b"),
    "owner,workspace_id,workspace\nx,ws-1,a\ny,,b\n": ("ws-1", "b"),
    'id\n"ws-1"\r\nws-2\r\n': ("ws-1", "ws-2"),
    "name\n": (),
    '{"name": "a"}\n\n{"workspace": "b", "outcome": "failed"}\n': ("a", "b"),
    '{"type": "result", "workspace": "a", "workspace_id": "ws-1"}\n{"type": "report"}': ("ws-1",),
    '{"type": "workspace", "workspace": "a", "selected": false}\n{"name": "b"}\n': ("b",),
    '{"type": "wave", "number": 1}\n{"type": "result", "workspace": "a"}\n{"type": "x"}': ("a",),
    '{"id": null, "name": "a"}': ("a",),
    '[{"name": "a"}, {"id": "ws-2"}]': ("a", "ws-2"),
    '{\n  "run_id": "x",\n  "rows": [\n    {"workspace_id": "ws-1"}\n  ],\n  "skipped": []\n}\n': (
        "ws-1",
    ),
    '{"rows": []}': (),
    "name;owner\r\nprod-1;x\r\nprod-2;y\r\n": ("prod-1", "prod-2"),
    'Owner\tWorkspace Name\n"x, y"\tprod-1\n': ("prod-1",),
    "sep=;\r\nWorkspace;Owner, team\r\nprod-1;x\r\n": ("prod-1",),
    '"sep=|"\n"workspace_name"|"x"\n"prod-1"|"a|b"\n': ("prod-1",),
    "sep=;\nname;x,id\nprod-1;y\n": ("prod-1",),
    "Workspace-ID,Workspace\nws-1,a\n": ("ws-1",),
    'name, owner\nprod-1, "x, y"\n': ("prod-1",),
    "#;workspace\n1;prod-1\n": ("prod-1",),
    'owner,name\n"#team",prod-1\n': ("prod-1",),
    '["ws-1", "prod-2"]\n': ("ws-1", "prod-2"),
    '[\n  "ws-1",\n  {"name": "prod-2"}\n]\n': ("ws-1", "prod-2"),
    "[]": (),
    "{}": (),
    '{"one": "prod-1", "two": "ws-2"}\n': ("prod-1", "ws-2"),
    '{"name": "ws-1", "type": "ws-2"}': ("ws-1", "ws-2"),
    '{"one": {"id": "ws-1", "name": "prod-1"}, "two": {"name": "prod-2"}}': ("ws-1", "prod-2"),
    '{"name": {"id": "ws-1"}, "type": {"id": "ws-2"}}': ("ws-1", "ws-2"),
    '{"id": "ws-1", "name": "prod-1", "owner": "ann"}': ("ws-1",),
    '{"name": "prod-1", "owner": "ann", "count": 2}': ("prod-1",),
    '{"name": "prod-1"}': ("prod-1",),
    "name;owner;\r\nprod-1;x;\r\n;;\r\n ;\t; \r\nprod-2;;\r\n;;\r\n": ("prod-1", "prod-2"),
    ",\nname,id\na,\n,\n": ("a",),
}


@pytest.mark.parametrize(("text", "listed"), READ.items())
def test_what_a_manifest_lists(text: str, listed: tuple[str, ...]) -> None:
    """Names and ids are in the file's order, without duplicates; ids if a row has both."""
    assert parse_manifest(text, "list.csv").entries == listed


REFUSED = {
    "": "list.csv, line 1: the file is empty: give a column or member",
    " \n\n": "list.csv, line 2: the file is empty: give a column or member",
    '{"name": "prod-1", "owner": "prod-2"}': (
        "list.csv: can be read as one workspace, and as a map with one per member: write a list of "
        'names or ids, ["…", "…"]'
    ),
    '{"type": "prod-1", "other": "prod-2"}': "list.csv: can be read as one workspace, and as a",
    '{"id": "prod-1", "other": "ws-2"}': "list.csv: can be read as one workspace, and as a map",
    '{"name": {"sensitive": false, "type": "string", "value": "prod-1"}}': (
        'list.csv, "name": is one of several outputs: choose one with `terraform output -json NAME`'
    ),
    "a;b\nx;y\n": 'list.csv, line 1: columns ["a", "b"]: give a column or member "name"',
    "prod-1\nprod-2\n": (
        'list.csv, line 1: columns ["prod-1"]: give a column or member "name" or "workspace", or '
        '"id" or "workspace_id". The first line names the columns'
    ),
    "name,x;id\na,b\n": (
        'list.csv, line 1: can be read with "," and with ";" between the columns: put a line such '
        'as "sep=;" before it'
    ),
    "name\na\nb,c\n": (
        "list.csv, line 3: 2 cells, the header has 1: list one workspace per line, and "
        'quote a cell with "," in it'
    ),
    "owner;name\nA; B;prod-1\n": "list.csv, line 2: 3 cells, the header has 2: list one",
    "name\nprod-1\u200b\n": r'list.csv, line 2: name = "prod-1\u200b": not a workspace',
    "Name,name\na,b\n": 'list.csv, line 1: columns ["Name", "name"]: "name" is there twice',
    "# mine, name\na,b\n": 'list.csv, line 1: "# mine, name": a list has no comments: remove',
    "sep=;\nname\na\n\n#b\n": 'list.csv, line 5: "#b": a list has no comments: remove this line',
    "owner,name\n#x,prod-1\n": 'list.csv, line 2: "#x,prod-1": a list has no comments',
    "name\nprod-*\n": (
        'list.csv, line 2: name = "prod-*": a pattern, not a workspace\'s exact name or id: '
        "patterns belong in select.names"
    ),
    '["re:prod-.+"]': 'list.csv, row 1 = "re:prod-.+": a pattern, not a workspace',
    "id,name\n1,prod-1\n": 'list.csv, line 2: id = "1": not a workspace id, "ws-…"',
    "name,owner\na,\n,x\n": "list.csv, line 3: names no workspace: give",
    "name\na b\n": 'list.csv, line 2: name = "a b": not a workspace\'s exact name or id',
    f"name\n{'a' * 91}\n": "list.csv, line 2: name = ",
    'name\nb\n"a': "list.csv, line 3: not CSV: unexpected end of data",
    '{"name": "a"}\n{"nam": "b"}\n': "list.csv, line 2: names no workspace: give",
    '{"name": "a"}\nb\n': "list.csv, line 2: not JSON: ",
    '{"name": "a"}\n["b"]\n': 'list.csv, line 2: ["b"]: not a workspace\'s exact name or id, nor',
    '[\n  "a",\n]\n': "list.csv: not JSON: JSON is malformed: ",
    '{"one": "prod-1", "two": null}': 'list.csv, "two": null: not a workspace',
    '{"one": ["prod-1"]}': 'list.csv, "one": ["prod-1"]: not a workspace',
    '{"one": {"sensitive": false, "type": "string", "value": "prod-1"}}': (
        'list.csv, "one": is one of several outputs: choose one with `terraform output -json NAME`'
    ),
    '{"name": 3}\n': "list.csv, line 1: name = 3: not a workspace's exact name or id",
    '{"rows": 3}': "list.csv: rows = 3: not a list",
    "[" * 5000: "list.csv: not JSON: nested too deeply",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=REFUSED.values())
def test_a_refusal_names_file_line_and_choice(text: str, message: str) -> None:
    """The error names the file, the line and what is allowed."""
    with pytest.raises(JobError) as caught:
        parse_manifest(text, "list.csv")
    assert str(caught.value).startswith(message)
    assert str(caught.value).isprintable()


NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,90}", fullmatch=True)
CELLS = st.text(st.characters(exclude_characters="\0\r", codec="utf-8"), max_size=12)


@given(
    rows=st.lists(st.tuples(CELLS, NAMES, CELLS), max_size=5),
    header=st.sampled_from(["name", "Workspace", "workspace_name", "Workspace Name", "WORKSPACE"]),
    delimiter=st.sampled_from(",;\t"),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    told=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_what_a_spreadsheet_writes_is_read_as_the_same_names(
    tmp_path_factory: pytest.TempPathFactory,
    *,
    rows: list[tuple[str, str, str]],
    header: str,
    delimiter: str,
    quoting: Literal[0, 1, 2],
    end: str,
    told: bool,
    encoding: str,
) -> None:
    """Any dialect, line break and encoding, whatever the other columns contain."""
    out = io.StringIO(newline="")
    if told:
        out.write(f"sep={delimiter}{end}")
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end)
    # An unquoted "#" at the start of a line would be taken for a comment.
    table = [("Team", header, "Note"), *((f"T{a}", b, c) for a, b, c in rows)]
    writer.writerows([[cell.replace("\n", end) for cell in row] for row in table])
    path = tmp_path_factory.getbasetemp() / "drawn.csv"
    path.write_bytes(out.getvalue().encode(encoding))
    text = read_text(path, 1 << 20)
    assert parse_manifest(text, "list").entries == tuple(dict.fromkeys(name for _, name, _ in rows))


@given(
    st.lists(NAMES, max_size=5)
    | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5).map("x{}".format), NAMES)
)
def test_an_output_of_terraform_is_read_as_the_same_names(
    output: list[str] | dict[str, str],
) -> None:
    """A list, or a map with any keys, on one line or several."""
    names = tuple(dict.fromkeys(output.values() if isinstance(output, dict) else output))
    for indent in (None, 2):
        assert parse_manifest(json.dumps(output, indent=indent), "list").entries == names


@given(st.text() | st.text().map("name\n{}".format) | st.text().map('{{"name": "{}"}}'.format))
def test_any_text_is_a_manifest_or_a_job_error(text: str) -> None:
    """Any text raises JobError or gives entries that could be names or ids."""
    with contextlib.suppress(JobError):
        assert all(
            re.fullmatch(r"\S{1,90}", entry) for entry in parse_manifest(text, "list").entries
        )


JOB = """
name = "scan"
organization = "acme"
[operation]
kind = "detach"
task = "scan"
[select]
file = "lists/list.csv"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a job file and its manifest."""
    (tmp_path / "lists").mkdir()
    (tmp_path / "job.toml").write_text(JOB, encoding="utf-8")
    (tmp_path / "lists" / "list.csv").write_text("\ufeffname\na\nb\n", encoding="utf-8")
    return tmp_path


def test_what_a_file_lists_becomes_part_of_the_job(folder: Path) -> None:
    """The path is relative to the job file; the digest is of the entries, not the file's name."""
    job = load_job(folder / "job.toml")
    assert (job.select.file, job.select.listed) == (None, ("a", "b"))
    assert job.list_file == "lists/list.csv"
    assert job_from_builtins(job_to_builtins(job)) == replace(job, folder="", list_file="")
    (folder / "other.csv").write_text("name\nb\na\n", encoding="utf-8")
    (folder / "job.toml").write_text(JOB.replace("lists/list", "other"), encoding="utf-8")
    assert load_job(folder / "job.toml").digest == job.digest
    (folder / "other.csv").write_text("name\na\n", encoding="utf-8")
    assert load_job(folder / "job.toml").digest != job.digest
    (folder / "other.csv").write_text("name\n", encoding="utf-8")
    nothing = load_job(folder / "job.toml")
    assert nothing.select.listed == ()
    assert job_from_builtins(job_to_builtins(nothing)) == replace(nothing, folder="", list_file="")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_job_and_its_list_are_read_in_any_marked_encoding(folder: Path, encoding: str) -> None:
    """They may be in different ones; the job is the same."""
    expected = load_job(folder / "job.toml")
    for path in (folder / "lists" / "list.csv", folder / "job.toml"):
        path.write_text(path.read_text(encoding="utf-8-sig"), encoding=encoding)
        assert load_job(folder / "job.toml") == expected


def test_a_job_file_in_another_encoding_is_named_as_such(folder: Path) -> None:
    """An umlaut in a comment is enough: it might as well be in a name."""
    path = folder / "job.toml"
    path.write_text(f"# für alle\n{JOB}", encoding="cp1252")
    with pytest.raises(JobError, match=r"job\.toml: can't be read: .*looks like Windows-1252"):
        load_job(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"job\.toml: select\.file: .*list\.csv: can't be read: No such file"),
        (
            b"name\n\xff\n",
            r"job\.toml: select\.file: .*csv: can't be read: it is not UTF-8 text .byte 6.",
        ),
        (b"name\na b\n", r"list\.csv, line 2: name = "),
    ],
)
def test_a_list_that_can_not_be_read(folder: Path, content: bytes | None, message: str) -> None:
    """A manifest that is missing or broken is an error before any request."""
    path = folder / "lists" / "list.csv"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(JobError, match=message):
        load_job(folder / "job.toml")
