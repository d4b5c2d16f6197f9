"""The report page's script: sort, filter, open a row. No network, no inline handlers, text only by `textContent`.

What lives here: the script as it is put into the page. What does not: the page's elements (`summary`, `patients`).
"""

from __future__ import annotations

SCRIPT = """
"use strict";
(() => {
  const AT_ONCE = 500; // a browser takes seconds to lay out a table of thousands of rows
  const table = document.getElementById("patients");
  if (!table) return;
  const data = JSON.parse(document.getElementById("values").textContent);
  const search = document.getElementById("search");
  const status = document.getElementById("status");
  const found = document.getElementById("found");
  const tiles = Array.from(document.querySelectorAll("button.tile"));
  const more = document.getElementById("more");
  let bodies = Array.from(table.tBodies);
  let most = AT_ONCE;
  const texts = new Map(bodies.map((body) => [body, data.rows[Number(body.dataset.row)].join("\\n").toLowerCase()]));
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  function filter() {
    const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let count = 0;
    for (const body of bodies) {
      const stands = !status.value || body.dataset.status === status.value;
      const fits = stands && words.every((word) => texts.get(body).includes(word));
      count += fits ? 1 : 0;
      body.hidden = !fits || count > most;
    }
    found.textContent = `${count} of ${bodies.length} patients`;
    more.hidden = count <= most;
    more.textContent = `${count - most} more: show all`;
    for (const tile of tiles) tile.setAttribute("aria-pressed", String(tile.dataset.status === status.value));
  }

  function valueOf(body, column) {
    const cell = body.rows[0].cells[column];
    const text = cell.dataset.value ?? cell.textContent.trim();
    const isNumber = cell.classList.contains("number") || "value" in cell.dataset;
    return text === "" ? null : isNumber ? Number(text) : text;
  }

  function compare(a, b) {
    return typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b));
  }

  function sortBy(head) {
    const column = head.cellIndex;
    const direction = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    const keyed = bodies.map((body) => [valueOf(body, column), body]);
    keyed.sort(([a], [b]) => (a === null ? (b === null ? 0 : 1) : b === null ? -1 : sign * compare(a, b)));
    bodies = keyed.map(([, body]) => body);
    filter();
    table.append(...bodies);
  }

  function showAll() {
    most = Infinity;
    filter();
  }

  function open(button) {
    const body = button.closest("tbody");
    const opened = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!opened));
    if (body.rows.length > 1) {
      body.rows[1].hidden = opened;
      return;
    }
    const list = document.createElement("dl");
    data.rows[Number(body.dataset.row)].forEach((value, index) => {
      const name = document.createElement("dt");
      const text = document.createElement("dd");
      name.textContent = data.names[index].replaceAll("_", " ");
      text.textContent = value || "\\u2013";
      const pair = document.createElement("div");
      pair.append(name, text);
      list.append(pair);
    });
    const cell = body.insertRow().insertCell();
    cell.colSpan = body.rows[0].cells.length;
    cell.append(list);
  }

  function show(word, wanted) {
    search.value = word;
    status.value = wanted;
    filter();
  }

  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (head && event.target.closest("button")) sortBy(head);
  });
  table.addEventListener("click", (event) => {
    const button = event.target.closest("button.opener");
    if (button) open(button);
  });
  for (const tile of tiles)
    tile.addEventListener("click", () => {
      show(search.value, status.value === tile.dataset.status ? "" : tile.dataset.status);
    });
  for (const link of document.querySelectorAll("button.link"))
    link.addEventListener("click", () => {
      show(link.dataset.search ?? "", link.dataset.status ?? "");
      document.getElementById("patients-title").scrollIntoView();
      search.focus({ preventScroll: true });
    });
  more.addEventListener("click", showAll);
  window.addEventListener("beforeprint", showAll);
  search.addEventListener("input", filter);
  status.addEventListener("change", filter);
  search.form.addEventListener("submit", (event) => event.preventDefault());
  search.form.addEventListener("reset", () => setTimeout(filter));
  filter();
})();
"""
