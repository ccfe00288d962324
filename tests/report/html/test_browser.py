"""The page in a real browser: Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from msgspec.structs import replace

from bulkops.fleet.report.model import FleetReport
from bulkops.report.model import Report
from bulkops.text import escaped
from tests.fleet.report import samples as fleets
from tests.report.html.samples import (
    HOSTILE,
    hostile,
    many,
    of_every_outcome,
    page,
    replaced,
    staged,
    undo,
)

pytest.importorskip("playwright", reason="needs the extra `long`")

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium or Google Chrome"),
]
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
Scheme = Literal["light", "dark"]
WIDTHS = (320, 390, 500, 599, 600, 768, 1079, 1080, 1100, 1600)
SAMPLES: dict[str, Callable[[], Report | FleetReport]] = {
    "every": of_every_outcome,
    "staged": staged,
    "undo": undo,
    "replaced": replaced,
    "hostile": hostile,
    "fleet": fleets.of_every_state,
    "hostile fleet": fleets.hostile_fleet,
}
TALLEST = [("every", 240), ("staged", 340), ("undo", 240), ("replaced", 270), ("hostile", 850)]
TALLEST += [("fleet", 370), ("hostile fleet", 900)]
"""Sample and the pixels that its tallest row may have, by the length of its texts."""

LAYOUT = """() => {
  const visible = [...document.querySelectorAll(".chart text")]
    .map((one) => [one.getBoundingClientRect(), one.textContent, getComputedStyle(one).fontSize])
    .filter(([box]) => box.width);
  const inside = (box) => box.left >= 0 && box.right <= innerWidth;
  const touch = ([a], [b]) => a.left < b.right && b.left < a.right
    && a.top + 3 < b.bottom - 3 && b.top + 3 < a.bottom - 3;
  const rows = [...document.querySelectorAll("#table tbody tr")];
  const scroll = document.querySelector(".scroll");
  const cells = rows.flatMap((row) => [row.cells[0], row.cells[1]]);
  return {
    overflow: document.documentElement.scrollWidth - innerWidth
      + scroll.scrollWidth - scroll.clientWidth,
    outside: [...cells.filter((cell) => !inside(cell.getBoundingClientRect())),
      ...visible.filter(([box]) => !inside(box))].map((one) => one[1] ?? one.textContent),
    overlapping: visible.filter((a, at) => visible.some((b, other) => other < at && touch(a, b)))
      .map(([, text]) => text),
    labels: visible.length,
    smallest: Math.min(...visible.map(([, , size]) => parseFloat(size))),
    tallest: Math.max(...rows.map((row) => row.offsetHeight)),
    chartHeights: [...document.querySelectorAll(".chart")].map((one) => one.clientHeight),
  };
}"""
"""Layout errors: sideways scrolling, cells and labels outside the window, overlaps."""

RATIO = """() => {
  const search = document.getElementById("search");
  const once = (text) => {
    const start = performance.now();
    search.value = text;
    search.dispatchEvent(new Event("input"));
    document.querySelectorAll("thead button")[6].click();
    document.body.offsetHeight;
    return performance.now() - start;
  };
  once("x");
  const took = ["prod 9", "succeeded", "422", "7", ""].map(once).sort((a, b) => a - b);
  return took[2];
}"""
"""Milliseconds from an input and a sort until the table is laid out again; median of five."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium with a temporary profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Opened:
    """A page opened from a file.

    Attributes:
        requests: addresses of all requests.
        complaints: messages of the console, of errors and of dialogs.
    """

    def __init__(self, page: Page, file: Path) -> None:
        self.page = page
        self.address = file.as_uri()
        self.requests = list[str]()
        self.complaints = list[str]()
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        page.goto(self.address)

    def column(self, number: int) -> list[str]:
        """Return the first line of every cell of a column, counted from 1."""
        cells = self.page.locator(f"#table tbody tr > :nth-child({number})")
        return [text.strip().split("\n")[0] for text in cells.all_inner_texts()]

    @property
    def count(self) -> str:
        """The text with the number of rows shown."""
        return self.page.locator("#count").inner_text()

    def sort(self, heading: str) -> None:
        """Press a column's heading."""
        self.page.get_by_role("button", name=heading).click()

    def focused(self) -> str:
        """Return the id, or else the text, of the focused element."""
        return str(
            self.page.evaluate("document.activeElement.id || document.activeElement.innerText")
        )

    def press_until(self, key: str, focused: str) -> None:
        """Press a key until the named element has the focus."""
        for _ in range(60):
            if self.focused() == focused:
                return
            self.page.keyboard.press(key)
        raise AssertionError(f"{focused} never had the focus")


Open = Callable[..., Opened]


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a report; at the end, only the file was requested and nothing was reported."""
    files = list[Opened]()

    def open_it(
        report: Report | FleetReport,
        scheme: Scheme = "light",
        width: int = 1280,
        *,
        script: bool = True,
    ) -> Opened:
        file = tmp_path / f"{len(files)}.html"
        text = page(report) if isinstance(report, Report) else fleets.page(report)
        file.write_text(text, encoding="utf-8")
        tab = browser.new_page(
            color_scheme=scheme,
            viewport=ViewportSize(width=width, height=800),
            java_script_enabled=script,
        )
        files.append(Opened(tab, file))
        return files[-1]

    yield open_it
    for one in files:
        assert one.requests == [one.address]
        assert one.complaints == []
        one.page.close()


def test_searching_narrows_the_table(opened: Open) -> None:
    """It matches every word in names, ids, reasons and request ids, and counts the matches."""
    it = opened(of_every_outcome())
    assert it.count == "1 to 14 of 14"
    it.page.fill("#search", "NO such stage")
    assert it.column(1) == ["prod-4"]
    assert it.count == "1 to 1 of 1 (14 in total)"
    it.page.fill("#search", "ws-7")
    assert it.column(1) == ["prod-7"]
    it.page.fill("#search", "skipped when")
    assert it.column(1) == ["prod-left-alone"]
    it.page.fill("#search", "req-7 in doubt")
    assert it.column(1) == []
    assert it.count == "No match in 14 rows"
    it.page.fill("#search", "")
    assert len(it.column(1)) == 14


def test_checkboxes_filter_by_outcome(opened: Open) -> None:
    """One or several can be checked; none means all."""
    it = opened(of_every_outcome())
    it.page.get_by_label("failed 1").check()
    assert it.column(2) == ["failed"]
    it.page.get_by_label("skipped when planned 1").check()
    assert it.column(2) == ["failed", "skipped when planned"]
    it.page.get_by_label("failed 1").uncheck()
    it.page.get_by_label("skipped when planned 1").uncheck()
    assert len(it.column(2)) == 14


def test_numbers_sort_as_numbers_also_within_names(opened: Open) -> None:
    """10 comes after 9 in both; an empty value comes last in both directions."""
    it = opened(of_every_outcome())
    it.sort("Target")
    names = it.column(1)
    assert names[:12] == [f"prod-{number}" for number in range(12)]
    it.sort("Target")
    assert it.column(1) == names[::-1]
    it.sort("Seconds")
    seconds = [text for text in it.column(7) if text]
    assert seconds == sorted(seconds, key=float)
    assert it.column(7) == [*seconds, *[""] * (14 - len(seconds))]
    heading = it.page.get_by_role("columnheader", name="Seconds")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    it.sort("Seconds")
    assert it.column(7)[: len(seconds)] == seconds[::-1]
    expect(heading).to_have_attribute("aria-sort", "descending")
    expect(it.page.locator("th[aria-sort]")).to_have_count(1)


def test_a_page_has_a_hundred_rows(opened: Open) -> None:
    """Next and Previous go through all pages and stop at the ends."""
    it = opened(many(250))
    following, previous = it.page.locator("#next"), it.page.locator("#previous")
    expect(previous).to_have_attribute("aria-disabled", "true")
    following.click()
    assert it.count == "101 to 200 of 250"
    assert it.column(1)[0] == "prod-100"
    following.click()
    following.click(force=True)
    assert it.count == "201 to 250 of 250"
    expect(following).to_have_attribute("aria-disabled", "true")
    previous.click()
    it.sort("Target")
    assert it.count == "1 to 100 of 250"


def test_the_keyboard_is_enough(opened: Open) -> None:
    """It skips to the table, pages to the end and sorts, and the focus is visible."""
    it = opened(many(150))
    it.page.keyboard.press("Tab")
    assert it.focused() == "Skip to the operations"
    it.page.keyboard.press("Enter")
    it.press_until("Tab", "next")
    it.page.keyboard.press("Space")
    assert it.count == "101 to 150 of 150"
    it.page.keyboard.press("Space")
    assert it.focused() == "next"
    it.press_until("Tab", "Seconds")
    it.page.keyboard.press("Enter")
    assert it.focused() == "Seconds"
    expect(it.page.locator("th[aria-sort=ascending]")).to_have_text("Seconds")
    outline = it.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_a_dark_system_gets_a_dark_page(opened: Open) -> None:
    """The background follows the system's preference; on paper it is white."""
    ground = "getComputedStyle(document.body).backgroundColor"
    light, dark = opened(many(5)).page, opened(many(5), "dark").page
    assert light.evaluate(ground) != dark.evaluate(ground)
    dark.emulate_media(media="print")
    assert dark.evaluate(ground) == "rgb(255, 255, 255)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "tallest"), TALLEST)
def test_every_width_shows_target_and_outcome(
    opened: Open, name: str, tallest: int, scheme: Scheme
) -> None:
    """Nothing scrolls sideways, no chart is cut, no row is tall, at any width of the page."""
    it = opened(SAMPLES[name](), scheme)
    # What is closed has places, too, but those of an old layout.
    it.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    for width in WIDTHS:
        it.page.set_viewport_size({"width": width, "height": 800})
        layout = it.page.evaluate(LAYOUT)
        assert layout["overflow"] == 0, width
        assert layout["outside"] == [], width
        assert layout["overlapping"] == [], width
        assert layout["labels"] >= 6, width
        assert layout["smallest"] >= 11, width
        assert layout["tallest"] <= tallest, width
        assert set(layout["chartHeights"]) <= {296, 210}, width


def test_on_a_phone_a_row_is_a_card_with_named_values(opened: Open) -> None:
    """The buttons of the columns are still there and sort."""
    it = opened(of_every_outcome(), width=390)
    first = it.page.locator(".records tbody tr").first
    heads = first.locator("> *").evaluate_all(
        "all => all.map((one) => getComputedStyle(one, '::before').content)"
    )
    assert heads[:3] == ['"Wave "', '"State"', '"Operations"']
    it.sort("Outcome")
    assert it.column(2)[0] == "blocked"
    box = it.page.get_by_role("button", name="Outcome").bounding_box()
    assert box is not None
    assert box["height"] >= 40


def test_paging_returns_to_the_first_row(opened: Open) -> None:
    """The buttons stay in view while the rows scroll; the next page starts at its top."""
    it = opened(many(250), width=390)
    it.page.evaluate("window.scrollTo(0, document.body.scrollHeight - 1500)")
    expect(it.page.locator("#next")).to_be_in_viewport()
    it.page.locator("#next").click()
    assert it.count == "101 to 200 of 250"
    expect(it.page.locator("#table thead")).to_be_in_viewport()


def test_paper_has_the_table(opened: Open) -> None:
    """Printed, a narrow page has rows and columns, not cards, and fits the paper."""
    it = opened(staged(), width=700)
    it.page.emulate_media(media="print")
    assert it.page.evaluate("document.documentElement.scrollWidth") <= 700
    display = "getComputedStyle(document.querySelector('#table tbody tr')).display"
    assert it.page.evaluate(display) == "table-row"


def test_hostile_text_runs_nothing(opened: Open) -> None:
    """Names, reasons, the job, the server and user names are shown as text."""
    it = opened(hostile())
    assert it.page.locator("h1").inner_text() == HOSTILE[0]
    names = [" ".join(escaped(name).split()) for name in HOSTILE]
    assert it.column(1)[: len(names)] == names
    it.page.fill("#search", HOSTILE[1])
    assert it.column(1) == [HOSTILE[1]]
    it.sort("Target")
    assert it.page.evaluate("window.ran") is None
    expect(it.page.locator("img")).to_have_count(0)


def test_injected_markup_would_not_run(opened: Open) -> None:
    """Even if text became an element, the policy allows no script, style or request."""
    it = opened(many(5))
    it.page.evaluate(
        """() => {
          const made = document.createElement("div");
          made.innerHTML = '<img src="https://example.com/x" onerror="window.ran = 1">'
            + '<p id="injected" style="color: red" onclick="window.ran = 1">x</p>';
          const script = document.createElement("script");
          script.textContent = "window.ran = 1";
          document.body.append(made, script);
          document.getElementById("injected").click();
        }"""
    )
    it.page.wait_for_timeout(50)
    assert it.page.evaluate("window.ran") is None
    assert it.page.evaluate("getComputedStyle(injected).color") != "rgb(255, 0, 0)"
    assert all("Content Security Policy" in one for one in it.complaints)
    assert len(it.complaints) >= 4
    it.complaints.clear()
    # Playwright also reports a request that the policy stops before it is sent.
    assert it.requests[:1] == [it.address]
    del it.requests[1:]


def test_a_fleet_is_searched_and_sorted_by_shard(opened: Open) -> None:
    """The shard is the second column, and a row of the table of shards leads to its section."""
    it = opened(fleets.of_every_state())
    it.page.fill("#search", "acme-eu in doubt")
    assert (it.column(1), it.column(2)) == (["prod-6"], ["acme-eu"])
    it.page.fill("#search", "")
    it.sort("Shard")
    it.sort("Shard")
    assert it.column(2)[0] == "acme-staged"
    it.page.get_by_role("link", name="acme-eu").click()
    expect(it.page.get_by_role("heading", name="acme-eu")).to_be_in_viewport()
    del it.requests[1:]


@pytest.mark.parametrize(
    ("width", "display"),
    [(779, "grid"), (780, "table-row"), (1079, "table-row"), (1600, "table-row")],
)
def test_the_table_of_shards_stays_a_table(opened: Open, width: int, display: str) -> None:
    """From 780 pixels on, a shard is a row of it, and no column leaves the section."""
    report = fleets.of_every_state()
    shards = (replace(one, organization=f"{one.organization}-eu-west-1") for one in report.shards)
    it = opened(replace(report, shards=tuple(shards)), width=width)
    table = it.page.locator(".shards")
    row = table.locator("tbody tr").first
    assert row.evaluate("(one) => getComputedStyle(one).display") == display
    assert table.evaluate("(one) => one.scrollWidth <= one.parentElement.clientWidth - 48")


@pytest.mark.parametrize("name", ["every", "fleet"])
def test_without_javascript_the_first_rows_are_there(opened: Open, name: str) -> None:
    """They equal, cell by cell, those that JavaScript creates."""
    bare, lively = opened(SAMPLES[name](), script=False), opened(SAMPLES[name]())
    body = "#table tbody"
    clean = [
        "".join(line.strip() for line in one.page.locator(body).inner_html().splitlines())
        for one in (bare, lively)
    ]
    assert clean[0] == clean[1]
    expect(bare.page.locator("#without-script")).to_be_visible()
    expect(bare.page.locator("#controls")).to_be_hidden()
    expect(bare.page.locator("[id$=timeline-title]").first).to_have_count(1)
    expect(lively.page.locator("#without-script")).to_be_hidden()


def test_ten_thousand_rows_are_searched_quickly(opened: Open) -> None:
    """Searching and sorting ten times as many rows takes less than 40 times as long."""
    few, most = opened(many(1000)).page, opened(many(10_000)).page
    assert most.evaluate(RATIO) < 40 * few.evaluate(RATIO)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1100, 1600])
@pytest.mark.parametrize("name", ["every", "fleet"])
def test_the_page_is_accessible(opened: Open, scheme: Scheme, width: int, name: str) -> None:
    """axe-core finds no violation of WCAG 2.2 A and AA, in either theme, at any width."""
    it = opened(SAMPLES[name](), scheme, width)
    it.page.locator("details").evaluate_all("all => all.forEach((one) => (one.open = true))")
    result = Axe().run(it.page, options={"runOnly": WCAG})
    assert result.response["violations"] == [], result.generate_report()
    assert len(result.response["passes"]) > 20
