"""The page in a real browser: Chromium, by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from bulkops.report.model import Report
from bulkops.text import escaped
from tests.report.html.samples import HOSTILE, hostile, many, of_every_outcome, page

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
"""Milliseconds from an input and a sort to a table that is laid out anew, the median of five."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, with a profile of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Opened:
    """A page that was opened from a file.

    Attributes:
        requests: every address that was asked for.
        complaints: what the console or an error said.
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
        """How many rows are shown, as it is told."""
        return self.page.locator("#count").inner_text()

    def sort(self, heading: str) -> None:
        """Press a column's heading."""
        self.page.get_by_role("button", name=heading).click()

    def focused(self) -> str:
        """Return the text, or the id, of what has the focus."""
        return str(
            self.page.evaluate("document.activeElement.id || document.activeElement.innerText")
        )

    def press_until(self, key: str, focused: str) -> None:
        """Press a key until something has the focus."""
        for _ in range(60):
            if self.focused() == focused:
                return
            self.page.keyboard.press(key)
        raise AssertionError(f"{focused} never had the focus")


Open = Callable[..., Opened]


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a report; at the end nothing was asked for but the file, and nothing complained."""
    files = list[Opened]()

    def open_it(
        report: Report, scheme: Scheme = "light", width: int = 1280, *, script: bool = True
    ) -> Opened:
        file = tmp_path / f"{len(files)}.html"
        file.write_text(page(report), encoding="utf-8")
        made = browser.new_page(
            color_scheme=scheme,
            viewport=ViewportSize(width=width, height=800),
            java_script_enabled=script,
        )
        files.append(Opened(made, file))
        return files[-1]

    yield open_it
    for one in files:
        assert one.requests == [one.address]
        assert one.complaints == []
        one.page.close()


def test_searching_narrows_the_table(opened: Open) -> None:
    """By every word, in names, ids, reasons and request ids; how many are left is told."""
    it = opened(of_every_outcome())
    assert it.count == "1 to 14 of 14"
    it.page.fill("#search", "NO such stage")
    assert it.column(1) == ["prod-4"]
    assert it.count == "1 to 1 of 1 (14 in all)"
    it.page.fill("#search", "ws-7")
    assert it.column(1) == ["prod-7"]
    it.page.fill("#search", "skipped when")
    assert it.column(1) == ["prod-left-alone"]
    it.page.fill("#search", "req-7 in doubt")
    assert it.column(1) == []
    assert it.count == "None of 14 matches"
    it.page.fill("#search", "")
    assert len(it.column(1)) == 14


def test_outcomes_can_be_chosen(opened: Open) -> None:
    """One or several; none chosen means all."""
    it = opened(of_every_outcome())
    it.page.get_by_label("failed 1").check()
    assert it.column(4) == ["failed"]
    it.page.get_by_label("skipped when planned 1").check()
    assert it.column(4) == ["failed", "skipped when planned"]
    it.page.get_by_label("failed 1").uncheck()
    it.page.get_by_label("skipped when planned 1").uncheck()
    assert len(it.column(4)) == 14


def test_numbers_are_sorted_as_numbers_and_names_as_people_do(opened: Open) -> None:
    """10 comes after 9 in either, and what has no value comes last in either direction."""
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


def test_a_hundred_rows_are_a_page(opened: Open) -> None:
    """Next and Previous go through all of them, and no further."""
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
    """Skip the page, sort, page to the end, and see where the focus is."""
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


def test_at_night_it_is_dark(opened: Open) -> None:
    """The ground follows what the reader's system prefers; paper is white."""
    ground = "getComputedStyle(document.body).backgroundColor"
    light, dark = opened(many(5)).page, opened(many(5), "dark").page
    assert light.evaluate(ground) != dark.evaluate(ground)
    dark.emulate_media(media="print")
    assert dark.evaluate(ground) == "rgb(255, 255, 255)"


@pytest.mark.parametrize("report", [of_every_outcome(), hostile()], ids=["plain", "hostile"])
def test_a_phone_is_wide_enough(opened: Open, report: Report) -> None:
    """At 360 pixels the page itself does not move sideways; tables and charts do, inside."""
    it = opened(report, width=360)
    assert it.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_hostile_text_runs_nothing(opened: Open) -> None:
    """Names, reasons, the job, the server and people's names are shown as they are spelled."""
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
    """The policy holds even where text became an element: no script, no style, no request."""
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
    # A request that the policy stops is told, too; it never gets an answer, nor leaves.
    assert it.requests[:1] == [it.address]
    del it.requests[1:]


def test_without_javascript_the_first_rows_are_there(opened: Open) -> None:
    """They are the same, cell by cell, as those that JavaScript makes."""
    bare, lively = opened(of_every_outcome(), script=False), opened(of_every_outcome())
    body = "#table tbody"
    clean = [
        "".join(line.strip() for line in one.page.locator(body).inner_html().splitlines())
        for one in (bare, lively)
    ]
    assert clean[0] == clean[1]
    expect(bare.page.locator("#without-script")).to_be_visible()
    expect(bare.page.locator("#controls")).to_be_hidden()
    expect(bare.page.locator("#timeline-title")).to_have_count(1)
    expect(lively.page.locator("#without-script")).to_be_hidden()


def test_ten_thousand_rows_are_no_slower_than_their_number(opened: Open) -> None:
    """Of ten times as many rows, searching and sorting takes less than 40 times as long."""
    few, most = opened(many(1000)).page, opened(many(10_000)).page
    assert most.evaluate(RATIO) < 40 * few.evaluate(RATIO)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_everybody_can_read_it(opened: Open, scheme: Scheme, width: int) -> None:
    """axe-core finds no violation of WCAG 2.2 A and AA, in either theme, wide or narrow."""
    it = opened(of_every_outcome(), scheme, width)
    it.page.locator("details").evaluate_all("all => all.forEach((one) => (one.open = true))")
    found = Axe().run(it.page, options={"runOnly": WCAG})
    assert found.response["violations"] == [], found.generate_report()
    assert len(found.response["passes"]) > 20
