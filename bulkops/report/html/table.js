"use strict";
// The table of operations: search, filter, sort, and one page of rows at a time. Rows are
// [target, id, action, change, outcome, attempts, date, seconds, status, reason, request id, shard], all
// strings; each heading says in which place of a row its column is.
(() => {
  const PAGE = 100;
  const [NAME, ID, ACTION, CHANGE, OUTCOME, ATTEMPTS, AT, SECONDS, STATUS, REASON, REQUEST, SHARD] =
    Array(12).keys();
  const CLASSES = {
    [ACTION]: "action",
    [CHANGE]: "change",
    [AT]: "at",
    [SECONDS]: "seconds number",
    [ATTEMPTS]: "attempts number",
    [STATUS]: "status number",
    [SHARD]: "shard",
  };
  const find = (id) => document.getElementById(id);
  const rows = JSON.parse(find("rows").textContent);
  if (!rows.length) return;
  const [search, count, previous, next] = ["search", "count", "previous", "next"].map(find);
  const table = find("table");
  const headings = [...table.tHead.rows[0].cells];
  const columns = headings.map((heading) => Number(heading.dataset.place));
  const boxes = [...document.querySelectorAll("input[name=outcome]")];
  const words = (outcome) => outcome.replaceAll("_", " ");
  // Sorts numbers as numbers, also within names; seconds always have three decimals.
  const collator = new Intl.Collator("en", { numeric: true });

  // Search texts, and each column's order of rows: computed when first needed.
  let searched = null;
  const ranks = new Map();
  let order = [...rows.keys()];
  let shown = order;
  let sortedBy = null;
  let descending = false;
  let page = 0;

  function element(name, text, className) {
    const created = document.createElement(name);
    if (className) created.className = className;
    created.textContent = text;
    return created;
  }

  function icon(outcome) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", `icon ${outcome}`);
    svg.setAttribute("aria-hidden", "true");
    svg.setAttribute("viewBox", "0 0 16 16");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `#shape-${outcome}`);
    svg.append(use);
    return svg;
  }

  const cells = {
    [NAME](row) {
      const name = element("th", row[NAME]);
      name.scope = "row";
      name.append(element("small", row[ID]));
      return name;
    },
    [OUTCOME](row) {
      const outcome = element("td", "", "outcome");
      outcome.append(icon(row[OUTCOME]), ` ${words(row[OUTCOME])}`);
      return outcome;
    },
    [REASON](row) {
      const reason = element("td", row[REASON], "reason");
      if (row[REQUEST]) reason.append(element("small", `request ${row[REQUEST]}`));
      return reason;
    },
  };

  function rendered(row) {
    const line = document.createElement("tr");
    const cell = (column) => cells[column]?.(row) ?? element("td", row[column], CLASSES[column]);
    line.append(...columns.map(cell));
    return line;
  }

  function show() {
    const first = page * PAGE;
    const last = Math.min(shown.length, first + PAGE);
    table.tBodies[0].replaceChildren(...shown.slice(first, last).map((at) => rendered(rows[at])));
    const number = (value) => value.toLocaleString("en");
    const of = shown.length === rows.length ? "" : ` (${number(rows.length)} in total)`;
    count.textContent = shown.length
      ? `${number(first + 1)} to ${number(last)} of ${number(shown.length)}${of}`
      : `No match in ${number(rows.length)} rows`;
    // Not `disabled`: a disabled button would lose the keyboard focus.
    previous.setAttribute("aria-disabled", String(page === 0));
    next.setAttribute("aria-disabled", String(last === shown.length));
  }

  function filter() {
    const terms = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const outcomes = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    if (terms.length && !searched) {
      searched = rows.map((row) =>
        row.map((cell, at) => (at === OUTCOME ? words(cell) : cell)).join("\n").toLowerCase(),
      );
    }
    shown = order.filter(
      (at) =>
        (!outcomes.size || outcomes.has(rows[at][OUTCOME])) &&
        terms.every((word) => searched[at].includes(word)),
    );
    page = 0;
    show();
  }

  // Each row's rank by a column; an empty value (NaN) comes last in both directions.
  function ranked(column) {
    if (!ranks.has(column)) {
      const values = rows.map((row) => row[column]);
      const distinct = [...new Set(values)].filter(Boolean).sort(collator.compare);
      const places = new Map(distinct.map((value, place) => [value, place]));
      ranks.set(column, Float64Array.from(values, (value) => places.get(value) ?? NaN));
    }
    return ranks.get(column);
  }

  function sort(column) {
    descending = sortedBy === column && !descending;
    sortedBy = column;
    const rank = ranked(column);
    const direction = descending ? -1 : 1;
    order = [...rows.keys()].sort((one, other) => {
      const [a, b] = [rank[one], rank[other]];
      if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
      return direction * (a - b);
    });
    headings.forEach((heading, at) => {
      if (columns[at] === column) {
        heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      } else {
        heading.removeAttribute("aria-sort");
      }
    });
    filter();
  }

  function turn(pages) {
    const target = page + pages;
    if (target < 0 || target * PAGE >= shown.length) return;
    page = target;
    show();
    if (table.getBoundingClientRect().top < 0) table.scrollIntoView();
  }

  headings.forEach((heading, at) => {
    const button = element("button", heading.textContent);
    button.type = "button";
    button.addEventListener("click", () => sort(columns[at]));
    heading.replaceChildren(button);
  });
  search.addEventListener("input", filter);
  boxes.forEach((box) => box.addEventListener("change", filter));
  previous.addEventListener("click", () => turn(-1));
  next.addEventListener("click", () => turn(1));
  find("controls").addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((one) => (one.open = true));
  });
  find("without-script").hidden = true;
  find("controls").hidden = false;
  document.querySelectorAll(".pager").forEach((one) => (one.hidden = false));
  // After a reload the browser may have kept the search text and the checkboxes.
  filter();
})();
