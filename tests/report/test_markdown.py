"""A report and a plan as Markdown, read by a parser of GitHub's flavour."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec.structs import replace

from bulkops.job.job import job_from_builtins
from bulkops.job.listing.manifest import parse_manifest
from bulkops.journal.records import Execution, Record, Skipped
from bulkops.journal.states import Held, Outcome, Reached
from bulkops.operations.model import Operation, Resolved, Skip, Target, TaskRef
from bulkops.operations.named_steps import NamedStep
from bulkops.plan.model import Plan
from bulkops.report import markdown, plan_markdown
from bulkops.report.markdown_text import FEW, LONGEST, ROOM, code, plain, step, steps_as_markdown
from bulkops.report.model import Report
from bulkops.text import escaped
from tests.journal.samples import DESIRED, HOLDER
from tests.report.samples import HOSTILE, everything, failed, finished, made, names, texts, wave

OURS = {"<details>", "</details>", "<summary>", "</summary>", "<code>", "</code>", "<!-- -->"}
"""All the HTML that we write."""


class Shown(NamedTuple):
    """What a reader of Markdown sees.

    Attributes:
        cells: of all tables, row by row, as text.
        text: all of it.
    """

    cells: list[list[str]]
    text: str


def read(text: str) -> Shown:
    """Parse Markdown as GitHub does; check that no link, image or HTML is other than ours."""
    parser = MarkdownIt("gfm-like", {"html": True})
    assert parser.linkify is not None
    # GitHub makes links of addresses with a scheme or "www.", not of all words with a dot.
    parser.linkify.set({"fuzzy_link": False})
    cells: list[list[str]] = []
    finished: list[str] = []
    inside = ""
    for token in parser.parse(text):
        assert token.type not in ("fence", "code_block", "hr", "blockquote_open")
        if token.type == "html_block":
            tags = re.findall(r"<[^>]*>", token.content)
            assert tags
            assert set(tags) <= OURS
        if token.type == "tr_open":
            cells.append([])
        if token.type in ("td_open", "th_open"):
            inside = "cell"
        if token.type == "inline":
            words = "".join(_words(token.children or []))
            finished.append(words)
            if inside:
                cells[-1].append(words)
            inside = ""
        if token.type in ("td_close", "th_close"):
            inside = ""
    return Shown(cells, "\n".join(finished))


def _words(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type == "html_inline":
            assert token.content in OURS
        else:
            assert token.type in ("text", "code_inline", "strong_open", "strong_close", "softbreak")
            yield token.content or (" " if token.type == "softbreak" else "")


def report(made: Report, *, only_failed: bool = False, room: int = ROOM) -> Shown:
    """Return what a reader sees of a report."""
    text = "".join(markdown.document(made, only_failed=only_failed, room=room))
    assert len(text.encode()) <= room
    return read(text)


@given(texts)
def test_any_text_is_shown_and_has_no_effect(text: str) -> None:
    """It is read back unchanged, as code and as words, except for escapes and outer blanks."""
    shown = read(f"| a |\n| --- |\n| {code(text, 1000)} |\n\nx {plain(text)} y\n")
    assert shown.cells == [["a"], [escaped(text)]]
    assert shown.text.split("\n")[-1] == f"x {escaped(text)} y"


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_mentions_a_user(text: str) -> None:
    """GitHub finds no mention, address or reference in code, and no complete one elsewhere."""
    assert code(text).startswith(("`", "<code>"))
    assert "@" not in plain(text)
    assert not re.search(r"&#64;(?!<!-- -->)", plain(text))


def test_a_long_text_is_cut() -> None:
    """At 300 characters, the last of which marks the cut."""
    assert code("a" * (LONGEST + 1)) == f"`{'a' * (LONGEST - 1)}…`"
    assert code("a" * LONGEST) == f"`{'a' * LONGEST}`"
    assert code("") == ""


def test_a_command_is_code_whatever_its_path_is() -> None:
    """Our own backticks enclose it; one in the path looks odd and has no effect."""
    assert step("Not finished. `bulkops resume a.jsonl` resumes it.") == (
        "Not finished. `bulkops resume a.jsonl` resumes it."
    )
    odd = step("`bulkops resume 'a`<img src=x>`b'` goes on.")
    assert read(f"- {odd}\n").text.replace("`", "") == "bulkops resume 'a<img src=x>b' goes on."


def test_a_replaced_run_task_is_named_as_everywhere_else() -> None:
    """``replace old with new``, as in the plan and in text, with code around the names."""
    one = NamedStep("replace", task="new", replaces="old")
    assert steps_as_markdown([one], undo=True) == "undo of replace `old` with `new`"


def test_it_counts_groups_and_lists() -> None:
    """Totals, then reasons with counts and a few names, then each operation; the next command."""
    steps = ("Not finished. `bulkops resume scan.jsonl` resumes it.",)
    shown = report(replace(everything(), next_steps=steps))
    assert ["failed", "1"] in shown.cells
    assert ["all", "6"] in shown.cells
    assert ["conflict", "1", "changed outside this job", "prod-2"] in shown.cells
    assert ["blocked", "1", "attached 2 times", "prod-9"] in shown.cells
    listed = ["failed", "prod-1", "mandatory at post_plan", "422 no", "422", "req-1"]
    assert listed in shown.cells
    assert ["blocked", "prod-9", "", "attached 2 times", "", ""] in shown.cells
    assert "Not finished. bulkops resume scan.jsonl resumes it." in shown.text
    assert "1 skipped when planned: already attached as desired" in shown.text
    assert "Verified: 1 of 6 operations, 1 drifted." in shown.text
    assert "run bulkops-0123456789ab: 1 execution, complete; took 0 ms" in shown.text


def test_only_failed_lists_what_has_drifted() -> None:
    """Operations that succeeded and then drifted need attention, too."""
    shown = report(everything(), only_failed=True)
    assert any(row[:2] == ["drifted", "prod-0"] for row in shown.cells)


def test_a_successful_report_has_no_details() -> None:
    """And it names no command to run next."""
    text = "".join(
        markdown.document(made(1, [Execution(HOLDER, "1"), *finished(0, Outcome.SUCCEEDED)]))
    )
    assert "<details>" not in text
    assert "Needs attention" not in text
    assert "Next" not in text


def test_reasons_are_grouped_the_largest_first() -> None:
    """Each has three names, and the number of the others."""
    reasons = ["422 no"] * 5 + [f"reason {n}" for n in range(FEW + 4)]
    cells = report(failed([f"w-{n}" for n in range(len(reasons))], reasons)).cells
    assert ["failed", "5", "422 no", "w-0, w-1, w-2, …"] in cells
    assert sum(row[0] == "failed" and len(row) == 4 for row in cells) == FEW
    text = "".join(markdown.document(failed(["a"] * len(reasons), reasons)))
    assert "… and 5 more, for 5 other reasons." in text


def test_waves_show_their_progress() -> None:
    """Each has its operations, state and outcomes."""
    records: list[Record] = [
        Execution(HOLDER, "1"),
        *finished(0, Outcome.SUCCEEDED),
        wave(1, 0, 1, Reached.PASSED, 2),
        *finished(1, Outcome.FAILED, "no"),
        replace(wave(2, 1, 3, Reached.VERIFIED, 3), held=Held.MANUAL),
    ]
    cells = report(made(6, records, rollout={"waves": ["1", "50%"]})).cells
    assert ["1", "1 to 1", "passed", "1 succeeded"] in cells
    assert ["2", "2 to 3", "waits for --continue", "1 failed, 1 pending"] in cells
    assert ["3", "4 to 6", "not started", "3 pending"] in cells


def test_many_waves_and_reasons_to_skip_are_cut() -> None:
    """Twenty of each are listed; the rest are counted."""
    skips = [Skipped(Target(f"ws-s{n}", f"s{n}"), f"because {n}") for n in range(FEW + 3)]
    waves = [str(n) for n in range(1, FEW + 5)]
    shown = report(made(FEW + 9, (), skips=skips, rollout={"waves": waves}))
    assert "… and 3 more, for other reasons" in shown.text
    assert "… and 5 more waves." in shown.text


@given(st.lists(st.tuples(names, texts), min_size=1, max_size=5))
def test_hostile_text_is_text(pairs: list[tuple[str, str]]) -> None:
    """Names and reasons are read back from their cells, and the tables stay intact."""
    cells = report(failed([name for name, _ in pairs], [reason for _, reason in pairs])).cells
    listed = [row for row in cells if len(row) == 6][1:]
    assert [row[1] for row in listed] == [escaped(name) for name, _ in pairs]
    assert [row[3] for row in listed] == [escaped(reason) for _, reason in pairs]


def _long(number: int) -> Report:
    return failed([f"w{n}-{'ü' * 80}" for n in range(number)], ["é" * 290] * number)


@pytest.mark.parametrize("room", [ROOM, 100_000, 10_000])
def test_a_report_fits_in_its_limit(room: int) -> None:
    """It lists as many operations as fit in the bytes, and counts the rest."""
    text = "".join(markdown.document(_long(3000), room=room))
    assert room - 2000 < len(text.encode()) <= room
    listed = text.count("| failed | `w")
    assert f"… and {3000 - listed} more: `bulkops report JOURNAL --format csv` lists all" in text
    assert text.rstrip().endswith("</details>")


def plan(targets: Iterable[str], blocked: Iterable[tuple[str, str]] = (), **tables: object) -> Plan:
    """Return a plan with attaches and blocked workspaces."""
    document = {
        "name": "scan",
        "organization": "acme",
        "operation": {"kind": "attach", "task": "scan", "enforcement_level": "mandatory"},
        "select": {"all": True},
        **tables,
    }
    operations = [
        Operation("attach", Target(f"ws-{n}", name), None, DESIRED, verb="attach")
        for n, name in enumerate(targets)
    ]
    skips = [Skip(Target("ws-a", "a"), "already attached as desired")]
    skips += [
        Skip(Target(f"ws-b{n}", name), why, blocked=True) for n, (name, why) in enumerate(blocked)
    ]
    resolved = Resolved(organization="acme", task=TaskRef("task-1", "scan"))
    return Plan(job_from_builtins(document), resolved, operations, skips)


def valued(
    values: Iterable[tuple[str, str]], kind: str = "attach", field: str = "enforcement_level"
) -> Plan:
    """Return a plan of a job that gives each of these workspaces a value, with a skip for each."""
    rows = [{"name": name, field: value} for name, value in values]
    task = {"task": "scan"} if kind == "attach" else {}
    job = job_from_builtins(
        {
            "name": "scan",
            "organization": "acme",
            "operation": {"kind": kind, **task, "from_file": [field]},
            "select": {"file": "list.json"},
        },
        read=lambda name: parse_manifest(json.dumps(rows), name),
    )
    skips = [Skip(Target(f"ws-{n}", row["name"]), "as desired") for n, row in enumerate(rows)]
    resolved = Resolved(organization="acme", task=TaskRef("task-1", "scan"))
    return Plan(replace(job, list_file=""), resolved, [], skips)


def planned(made: Plan, *, next_steps: Sequence[str] = (), room: int = ROOM) -> Shown:
    """Return what a reader sees of a plan."""
    text = "".join(plan_markdown.document(made, next_steps=next_steps, room=room))
    assert len(text.encode()) <= room
    return read(text)


def test_a_plan_counts_groups_and_lists() -> None:
    """Changes, skips and blocked targets by reason, waves, gate and notes, each with names."""
    rollout = {"waves": ["1"], "pause": "5m", "gate": "./check.sh", "max_failures": "50%"}
    made = plan(["p1", "p2"], [("b1", "attached 2 times")], rollout=rollout)
    shown = planned(replace(made, notes=["2 are locked"]), next_steps=["`bulkops apply x` does it"])
    assert "2 to attach, 0 to update, 0 to detach; 1 skipped, 1 blocked." in shown.text
    assert ["attach", "mandatory at post_plan", "2"] in shown.cells
    assert ["attach", "p2", "mandatory at post_plan"] in shown.cells
    assert ["attached 2 times", "1", "b1"] in shown.cells
    for line in (
        "1 skipped: already attached as desired",
        "1 blocked: attached 2 times",
        "Waves: 1, 1 operations, with a pause between them (5m)",
        "Gate after each wave: ./check.sh",
        "Stops after more than 1 failure",
        "Note: 2 are locked",
        "bulkops apply x does it",
    ):
        assert line in shown.text.split("\n")


def test_a_plan_counts_values() -> None:
    """How many workspaces get which values per workspace; the rest of many is a number."""
    reasons = [("a", "x"), *((f"w{n}", f"because `{n}`") for n in range(FEW)), ("b", "x")]
    text = planned(valued(reasons, kind="workspace-lock", field="reason")).text
    assert 'Values: 2 workspaces with reason = "x"' in text.split("\n")
    assert 'Values: 1 workspace with reason = "because `0`"' in text.split("\n")
    assert "… and 1 more, with other values" in text.split("\n")


def test_alike_blocked_workspaces_are_one_row() -> None:
    """Each reason has a number and the names, at most a hundred."""
    shown = planned(plan([], [(f"b{n}", "locked") for n in range(120)]))
    rows = [row for row in shown.cells if row[0] == "locked"]
    assert [row[1] for row in rows] == ["120"]
    assert rows[0][2].startswith("b0, b1, ")
    assert rows[0][2].endswith("b99, … and 20 more")


def test_an_empty_plan_has_no_table() -> None:
    """It has no folded section either."""
    text = "".join(plan_markdown.document(plan([])))
    assert "**0 to attach, 0 to update, 0 to detach**; 1 skipped." in text
    assert "|" not in text
    assert "<details>" not in text


def test_the_plan_of_an_undo_names_it() -> None:
    """It has no waves."""
    made = plan(["p1", "p2"], rollout={"waves": ["1"]})
    shown = planned(replace(made, undo_of="bulkops-1"))
    assert shown.text.startswith("Plan of scan: undo of attach scan in acme")
    assert "Waves" not in shown.text


def test_a_plan_of_many_kinds_is_cut() -> None:
    """Twenty changes, reasons and waves are listed; the rest are counted."""
    number = FEW + 5
    made = plan(
        [f"p{n}" for n in range(number)],
        [(f"b{n}", f"because {n}") for n in range(number)],
        rollout={"waves": [str(n) for n in range(1, number)]},
    )
    desired = [{"enforcement-level": f"level-{n}", "stages": ["post_plan"]} for n in range(number)]
    pairs = zip(made.operations, desired, strict=True)
    shown = planned(replace(made, operations=[replace(o, desired=w) for o, w in pairs]))
    assert "… and 5 more, with other changes." in shown.text
    assert "… and 6 more, for other reasons" in shown.text
    assert f"1, … ({number} waves) operations" in shown.text


@given(st.lists(st.tuples(names, texts), min_size=1, max_size=4))
def test_hostile_text_in_a_plan_is_text(pairs: list[tuple[str, str]]) -> None:
    """Names, reasons, notes and the gate are read back."""
    rollout = {"gate": pairs[0][0]}
    made = plan([name for name, _ in pairs], pairs, rollout=rollout)
    shown = planned(replace(made, notes=[why for _, why in pairs]))
    listed = [row[1] for row in shown.cells if len(row) == 3 and row[0] == "attach"][1:]
    assert listed == [escaped(name) for name, _ in pairs]
    heads = [row for row in shown.cells if row[0] == "reason"]
    start = shown.cells.index(heads[0]) + 1
    reasons = dict.fromkeys(why for _, why in pairs)
    assert [row[0] for row in shown.cells[start : start + len(reasons)]] == [
        escaped(why) for why in reasons
    ]


@pytest.mark.parametrize("room", [ROOM, 100_000, 10_000])
def test_a_plan_fits(room: int) -> None:
    """Blocked targets take at most half of the room."""
    many = [f"w{n}-{'ü' * 80}" for n in range(9000)]
    text = "".join(
        plan_markdown.document(plan(many, [(n, f"{n[:8]} {'é' * 90}") for n in many]), room=room)
    )
    assert room - 2000 < len(text.encode()) <= room
    assert text.count("lists all") == 2
    assert text.count("</details>") == 2
