"""The page as text: its facts, its safety, its templates in the wheel."""

from __future__ import annotations

import re
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from zipfile import ZipFile

import msgspec
import pytest

from bulkops.journal.records import Ended, Execution, Planned, Refused, Skipped, Verified
from bulkops.journal.states import Held, Reached
from bulkops.operations.model import Observed, Target
from bulkops.report.html import document
from bulkops.report.html.gathered import MOST_NAMES, MOST_REASONS, Gathered
from bulkops.report.html.labels import SIZES, Label
from bulkops.report.html.summary import BAR, summary
from bulkops.report.html.tables import execution_lines, wave_lines
from bulkops.report.html.timeline_chart import RIGHT, timeline_chart
from bulkops.report.model import Report
from bulkops.report.timeline import Timeline
from bulkops.text import escaped
from tests.journal.samples import HOLDER
from tests.report.html.samples import (
    CONFLICT,
    HOSTILE,
    at,
    done,
    execution,
    hostile,
    key,
    many,
    not_done,
    of_every_outcome,
    page,
    rolled_out,
    wave,
)

ROOT = Path(__file__).resolve().parents[3]


class Elements(HTMLParser):
    """A page's elements.

    Attributes:
        names: names of all elements, in order.
        attributes: attributes of each element.
        scripts: texts of scripts and styles.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names = list[str]()
        self.attributes = list[dict[str, str | None]]()
        self.scripts = list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record an element."""
        self.names.append(tag)
        self.attributes.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        """Record a text."""
        if self.names and self.names[-1] in ("script", "style") and data.strip():
            self.scripts.append(data)


def rows(text: str) -> list[list[str]]:
    """Return the table's rows as the page embeds them."""
    found = re.search(r'<script type="application/json" id="rows">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return msgspec.json.decode(found[1], type=list[list[str]])


def words(text: str) -> str:
    """Return the page's text without its elements, scripts and styles."""
    bare = re.sub(r"(?s)<(script|style)\b.*?</\1>|<[^>]*>", " ", text)
    return " ".join(unescape(bare).split())


def test_the_head_of_a_page_sums_the_job_up() -> None:
    """It gives job, server, result, user, times, duration and executions."""
    text = words(page(of_every_outcome()))
    for part in (
        "scan In doubt",
        "7 of 12 workspaces changed, 1 failed, 1 left alone because of changes outside this job",
        "attach security-scan",
        "acme",
        "https://app.terraform.io",
        "bulkops-0123456789ab",
        "Started 2026-11-24 00:00:00 UTC",
        "Ended 2026-11-24 00:03:25 UTC",
        "Running time 1 min 49 s",
        "Run by ann@build-7",
        "Executions 2: stopped by SIGINT, complete",
    ):
        assert part in text


def test_the_table_has_every_target_once() -> None:
    """Operations come first, in order, then targets without one; --only-failed lists problems."""
    report = of_every_outcome()
    names = [row[0] for row in rows(page(report))]
    assert names == [*(row.name for row in report.rows), "prod-left-alone", "prod-blocked"]
    outcomes = [row[4] for row in rows(page(report, only_failed=True))]
    assert outcomes == ["succeeded", "failed", "conflict", "in_doubt", "blocked"]
    assert 'tabindex="-1">Problems</h2>' in page(report, only_failed=True)


def test_problems_are_grouped_by_reason() -> None:
    """The largest group is first; blocked and drifted ones are included; names are capped."""
    groups = [(one.outcome, one.count, one.reason) for one in Gathered(of_every_outcome()).groups]
    assert groups == [
        ("drifted", 1, "the server showed not attached"),
        ("failed", 1, "422 no <b>such</b> stage; the server showed not attached"),
        ("conflict", 1, CONFLICT),
        ("in_doubt", 1, "sent; its answer is unknown"),
        ("blocked", 1, "attached 2 times"),
    ]
    every = MOST_NAMES + 5
    failed = rolled_out(every, execution(0), *(not_done(number, 1.0) for number in range(every)))
    (group,) = Gathered(failed).groups
    assert (group.reason, group.count, len(group.names)) == (
        "unknown reason",
        every,
        MOST_NAMES,
    )
    assert "and 5 more in the table below" in page(failed)
    reasons = MOST_REASONS + 1
    several = rolled_out(
        reasons, execution(0), *(not_done(one, 1.0, reason=str(one)) for one in range(reasons))
    )
    assert "And 1 more reason: see the table below." in page(several)


def test_a_page_without_operations_has_no_chart() -> None:
    """It has no chart and no row."""
    text = page(rolled_out(0))
    assert "There was nothing to change." in text
    assert "No operation was planned." in text
    assert "<figure>" not in text
    assert rows(text) == []


def test_a_report_without_dates_has_no_charts() -> None:
    """``apply_plan`` returns such a report: it did not read the journal again."""
    text = page(msgspec.structs.replace(of_every_outcome(), timeline=None))
    assert "<figure>" not in text or "Durations of operations" in text
    assert 'id="timeline"' not in text
    assert 'id="waves"' in text


def test_a_wave_has_its_progress() -> None:
    """A row has the operations, dates, drifted operations and the gate's result."""
    report = of_every_outcome()
    first, second = wave_lines(report, Gathered(report))
    assert first == (
        1, "1 to 3", 3, 0, "2026-11-24 00:00:00", "2026-11-24 00:00:02", "2026-11-24 00:01:41",
        1, "passed (0)", "passed",
    )  # fmt: skip
    assert second[:7] == (2, "4 to 12", 5, 3, "2026-11-24 00:01:41", "", "")
    assert second[7:] == (0, "", "in progress")


@pytest.mark.parametrize(
    ("more", "gate", "state"),
    [
        ({"held": Held.MANUAL}, "", "waits for --continue"),
        ({"held": Held.FAIL, "status": 1}, "failed (1)", "stopped by its gate"),
        (
            {"held": Held.INCONCLUSIVE, "status": 9},
            "inconclusive (9)",
            "waits for --continue",
        ),
        ({"until": at(9)}, "", "paused until 2026-11-24 00:00:09"),
        ({}, "", "verified"),
    ],
)
def test_a_stopped_wave_has_its_reason(more: dict[str, object], gate: str, state: str) -> None:
    """The next wave has not started."""
    record = wave(1, 0, 1, Reached.VERIFIED, 5, **more)
    report = rolled_out(2, execution(0), record, waves=("1", "100%"))
    first, second = wave_lines(report, Gathered(report))
    assert (first.operations, first.gate, first.state) == ("1", gate, state)
    assert (second.state, second.opened) == ("not started", "")


def test_a_wave_opened_again_starts_over() -> None:
    """Earlier verifications no longer count; it keeps the time of its first opening."""
    report = rolled_out(
        2,
        execution(0),
        wave(1, 0, 1, Reached.OPEN, 1),
        wave(1, 0, 1, Reached.VERIFIED, 2, drifted=1),
        wave(1, 0, 1, Reached.PASSED, 3, status=0),
        wave(1, 0, 1, Reached.OPEN, 4),
        waves=("1", "100%"),
    )
    first, _ = wave_lines(report, Gathered(report))
    assert (first.opened[-2:], first.verified, first.passed) == ("01", "", "")
    assert (first.drifted, first.gate, first.state) == (0, "", "in progress")


def test_a_single_wave_has_a_table_only_if_it_stopped_the_job() -> None:
    """A job without waves has one internally, which the page hides."""
    plain = rolled_out(1, execution(0), wave(1, 0, 1, Reached.OPEN, 1))
    assert wave_lines(plain, Gathered(plain)) == []
    held = rolled_out(
        1, execution(0), wave(1, 0, 1, Reached.PAUSE_OVER, 1, held=Held.FAIL, status=1)
    )
    assert len(wave_lines(held, Gathered(held))) == 1


def shown(labels: list[Label], size: str) -> list[str]:
    """Return the labels that are visible at a page size."""
    return [one.place.text for one in labels if f"not-{size}" not in one.hidden]


def charted(report: Report) -> tuple[Timeline, Gathered]:
    """Return the arguments for a chart."""
    assert report.timeline is not None
    return report.timeline, Gathered(report)


def test_the_timeline_shows_all_that_happened() -> None:
    """It has operations done and not done, breaks, waves, 429s, limits and ends of executions."""
    chart = timeline_chart(*charted(of_every_outcome()))
    assert chart.bucket == "1 s"
    assert any(bar.trouble_height for bar in chart.bars)
    assert [band.title for band in chart.breaks] == [
        "Idle for 1 min 38 s",
        "Idle for 1 min 36 s",
    ]
    assert [band.title for band in chart.waves] == ["Wave 1", "Wave 2"]
    assert shown(chart.wave_labels, "wide") == ["Wave 1", "Wave 2"]
    assert [mark.title for mark in chart.refused] == ["00:01:42: 1 request refused (429)"]
    assert [end.title for end in chart.ends] == [
        "Execution 1: stopped by SIGINT",
        "Execution 2: complete",
    ]
    assert "The server allows 30 requests per second." in chart.summary
    assert "1 request was refused" in chart.summary


def test_a_limit_far_above_the_bars_is_not_drawn() -> None:
    """The text gives it; drawn, it would flatten the bars. Without a limit there is no line."""
    far = timeline_chart(*charted(rolled_out(1, execution(0, 500.0), done(0, 1))))
    assert far.limits == []
    assert "500 requests per second" in far.summary
    none = timeline_chart(*charted(rolled_out(1, execution(0, None), done(0, 1))))
    assert "The server reported no rate limit." in none.summary
    (line,) = execution_lines(*charted(rolled_out(1, execution(0, None))))
    assert (line.limit, line.how) == ("none reported", "killed or still running")


def test_a_rollout_without_outcomes_has_a_chart() -> None:
    """It has the limit and no bar."""
    chart = timeline_chart(*charted(rolled_out(2, execution(0))))
    assert chart.bars == []
    assert len(chart.limits) == 1
    assert [level.label for level in chart.levels] == ["0", "10", "20", "30"]


def test_only_labels_with_room_are_shown() -> None:
    """Of many short executions and waves, those without room have no label at a page size."""
    records = [
        record
        for number in range(12)
        for record in (
            *execution(number * 40),
            *done(number, number * 40 + 1),
            wave(number + 1, number, number + 1, Reached.OPEN, number * 40),
            wave(number + 1, number, number + 1, Reached.PASSED, number * 40 + 1),
            Refused(at(number * 40 + 1), 0.5),
        )
    ]
    sizes = tuple(map(str, range(1, 13)))
    chart = timeline_chart(*charted(rolled_out(12, list(records), waves=sizes)))
    assert len(chart.breaks) == 11
    assert len(chart.waves) == 12
    for size in SIZES:
        assert set(shown(chart.wave_labels, size)) <= set(sizes)
        assert len(shown(chart.end_labels, size)) < 12
    assert len(shown(chart.dates, "narrow")) < len(shown(chart.dates, "wide"))
    assert all(end.x <= RIGHT for end in chart.ends)
    assert "12 requests were refused" in chart.summary


def test_a_rollout_over_midnight_has_both_dates() -> None:
    """The first time of each day has its date below."""
    report = rolled_out(
        2,
        execution(86_395),
        done(0, 86_398),
        done(1, 86_399),
        Refused(at(86_405), 1),
    )
    chart = timeline_chart(*charted(report))
    dates = [one.place.below for one in chart.dates if "not-wide" not in one.hidden]
    assert [date for date in dates if date] == ["2026-11-24", "2026-11-25"]


def test_the_noun_depends_on_the_operations() -> None:
    """It is run task, workspace, or operation if a target has several."""
    observed = Observed("task-1", {"enabled": True})
    task = Planned("task-disable:task-1", Target("task-1", "scan"), observed, {"enabled": False})
    replaced = Planned("attach:ws-0", Target("ws-0", "prod-0"), None, {"stages": []}, aspect="new")
    for record, noun in ((task, "run task"), (replaced, "operation")):
        report = rolled_out(0, record, Execution(HOLDER, "1"))
        waves = [msgspec.structs.replace(report.waves[0], end=1)]
        assert Gathered(msgspec.structs.replace(report, waves=waves)).noun == noun


def test_hostile_text_stays_text() -> None:
    """It creates no element or attribute, closes no script, and is shown completely."""
    tame, wild = Elements(page(many(7))), Elements(page(hostile()))
    assert set(wild.names) <= {
        *tame.names,
        "details",
        "summary",
        "strong",
        "bdi",
        "small",
        "h3",
        "ul",
    }
    assert wild.names.count("script") == tame.names.count("script") == 2
    assert not any(name.startswith("on") for one in wild.attributes for name in one)
    assert not any("src" in one for one in wild.attributes)
    text = page(hostile())
    assert [row[0] for row in rows(text)][:-1] == list(map(escaped, HOSTILE))
    assert not re.search("[\u202a-\u202e\u2028\u2029]", text)


def test_only_hashed_scripts_may_run() -> None:
    """The policy forbids everything except this style and this script, and allows no request."""
    text = page(of_every_outcome())
    elements = Elements(text)
    policy = next(one["content"] for one in elements.attributes if "http-equiv" in one)
    style, data, script = elements.scripts
    assert data.lstrip().startswith("[")
    hashes = [b64encode(sha256(part.encode()).digest()).decode() for part in (style, script)]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not any("style" in one for one in elements.attributes)
    assert "http" not in style + script.replace("http://www.w3.org/2000/svg", "")


def test_the_first_hundred_rows_need_no_javascript() -> None:
    """They are in the HTML; all rows are embedded as data."""
    text = page(many(250))
    assert text.count('<tr><th scope="row">') == 100
    assert len(rows(text)) == 250
    assert "These are the first 100 of 250" in text


def test_only_all_of_them_are_100_percent() -> None:
    """One failure of thousands is not rounded to 0%, nor the others to 100%."""
    text = words(page(rolled_out(3000, execution(0), not_done(0, 1.0), Ended(at(2), "complete"))))
    assert "1 failed 0.1%" in text
    assert "2,999 pending 99.9%" in text
    assert "12 succeeded 100%" in words(
        page(rolled_out(12, execution(0), *(done(n, 1) for n in range(12))))
    )


def built_wheel(folder: Path) -> Path:
    """Build the wheel in a folder and return its path."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_the_wheel_has_the_templates(tmp_path: Path) -> None:
    """Every file of the package is in it."""
    files = (ROOT / "bulkops" / "report" / "html").iterdir()
    desired = {f"bulkops/report/html/{file.name}" for file in files if file.is_file()}
    with ZipFile(built_wheel(tmp_path)) as archive:
        assert desired <= set(archive.namelist())
    assert "bulkops/report/html/report.html.j2" in desired


def test_what_is_done_is_told_apart_from_what_is_not() -> None:
    """The bar isn't full beside another verdict than "Done": it has drifted and blocked, too."""
    blocked = Skipped(Target("ws-b", "prod-b"), "attached 2 times", blocked=True)
    drifted = Verified(at(3.0), 2, {key(0): "not attached"})
    each = [record for number in range(3) for record in done(number, 1 + number)]
    made = rolled_out(3, blocked, execution(0), each, drifted, Ended(at(4), "complete"), skips=1)
    shown = summary(made)
    assert [(one.outcome, one.number) for one in shown.totals] == [
        ("succeeded", 2),
        ("drifted", 1),
        ("blocked", 1),
    ]
    assert shown.done == "2 of 4 done (50.0%), 2 not"
    assert shown.done in "".join(document(made))
    failed = rolled_out(2, execution(0), not_done(0, 1), not_done(1, 1), Ended(at(2), "error"))
    assert summary(failed).done == "0 of 2 done (0%), 2 not"
    assert summary(rolled_out(3, execution(0), each)).done == "3 of 3 done (100%)"
    for outcome in BAR:
        assert f'id="shape-{outcome}"' in "".join(document(made))
