"""The part of the page's script that fills, sorts and filters the table of patients.

What lives here: a function `startPatients`. What does not: an opened row (`script_panel`), the elements and the data
(`patients`, `patient_values`).
"""

from __future__ import annotations

PATIENTS = r"""
function startPatients() {
  const AT_ONCE = 200; // a browser takes seconds to lay out a table of thousands of rows
  const ON_PAPER = 2000;
  const IN_ORDER = ["SUCCESS", "REVIEW", "EXCLUDE", "FAILED", "PENDING"];
  const MARKS = { SUCCESS: "✓", REVIEW: "?", EXCLUDE: "\u2013", FAILED: "✕", PENDING: "·" };
  const byId = (id) => document.getElementById(id);
  const table = byId("patients");
  if (!table) return null;
  const data = JSON.parse(byId("values").textContent);
  const columns = new Map(data.columns.map((column) => [column.name, column]));
  const total = data.groups.length;
  const [search, status, code, found, picked] = ["search", "status", "code", "found", "picked"].map(byId);
  const heads = Array.from(table.tHead.rows[0].cells);
  const tiles = Array.from(document.querySelectorAll("button.tile"));
  const boxes = Array.from(document.querySelectorAll(".pick"));
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const opened = new Map();
  let order = Array.from({ length: total }, (_, row) => row);
  let fitting = order;
  let first = 0;
  let onPaper = false;
  let box = null;
  let texts = null;

  function value(name, row) {
    const column = columns.get(name);
    if (!column) return "";
    return column.index ? column.values[column.index[row]] : column.values[row];
  }

  function allText(row) {
    texts ??= new Array(total);
    texts[row] ??= data.columns.map((column) => value(column.name, row)).join("\n").toLowerCase();
    return texts[row];
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const groups = box ? new Set(box.dataset.groups.split(" ").map(Number)) : null;
    fitting = order.filter(
      (row) =>
        (!groups || groups.has(data.groups[row])) &&
        (!status.value || value("status", row) === status.value) &&
        (!code.value || value("codes", row).split(" ").includes(code.value)) &&
        words.every((word) => allText(row).includes(word)),
    );
    first = 0;
    found.textContent = `${fitting.length} of ${total} patients`;
    picked.hidden = !box;
    if (box) picked.textContent = `Only: ${box.dataset.label}`;
    picked.title = "Take this filter away";
    for (const tile of tiles) tile.setAttribute("aria-pressed", String(tile.dataset.status === status.value));
    for (const each of boxes) each.setAttribute("aria-pressed", String(each === box));
    draw();
  }

  function draw() {
    const most = onPaper ? ON_PAPER : AT_ONCE;
    const start = onPaper ? 0 : first;
    const shown = fitting.slice(start, start + most);
    const rows = shown.flatMap((row) => (opened.has(row) ? [line(row), opened.get(row)] : [line(row)]));
    table.tBodies[0].replaceChildren(...rows);
    colourPanels();
    const last = start + shown.length;
    byId("page").textContent = `Rows ${shown.length ? start + 1 : 0} to ${last} of ${fitting.length}`;
    byId("previous").disabled = start === 0;
    byId("next").disabled = last >= fitting.length;
    byId("page").parentElement.hidden = fitting.length <= AT_ONCE;
    byId("cut").hidden = !onPaper || last >= fitting.length;
    byId("cut").textContent = `On paper: the first ${last} of ${fitting.length} patients; filter to print others.`;
  }

  function badge(row) {
    const known = value("status", row);
    const mark = element("span", MARKS[known] ?? "");
    mark.setAttribute("aria-hidden", "true");
    const made = element("span", undefined, `badge ${MARKS[known] ? known : ""}`);
    made.append(mark, ` ${known}`);
    return made;
  }

  function line(row) {
    const made = element("tr", undefined, "entry");
    made.dataset.row = row;
    for (const head of heads) {
      const key = head.dataset.key;
      const cell = element(key === "patient_id" ? "th" : "td", undefined, head.className);
      if (key === "patient_id") cell.append(opener(row));
      else if (key === "status") cell.append(badge(row));
      else cell.append(element("bdi", numeric(head) ? decimals(value(key, row)) : value(key, row)));
      made.append(cell);
    }
    made.cells[0].scope = "row";
    return made;
  }

  function opener(row) {
    const button = element("button", undefined, "opener");
    button.type = "button";
    button.setAttribute("aria-expanded", String(opened.has(row)));
    button.append(element("bdi", value("patient_id", row) || "(no ID)"));
    return button;
  }

  function numeric(head) {
    return head.classList.contains("number");
  }

  function decimals(text) {
    return text.includes(".") ? Number(text).toFixed(2) : text;
  }

  function sortValue(key, number, row) {
    const text = value(key, row);
    if (key === "status") return IN_ORDER.indexOf(text) < 0 ? IN_ORDER.length : IN_ORDER.indexOf(text);
    return text === "" ? null : number ? Number(text) : text;
  }

  function compare(a, b) {
    return typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b));
  }

  function sortBy(head) {
    const direction = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    const keyed = order.map((row) => [sortValue(head.dataset.key, numeric(head), row), row]);
    keyed.sort(([a], [b]) => (a === null ? (b === null ? 0 : 1) : b === null ? -1 : sign * compare(a, b)));
    order = keyed.map(([, row]) => row);
    filter();
  }

  function detail(row) {
    return patientDetail({
      name: value("patient_id", row) || "(no ID)",
      badge: badge(row),
      reason: value("reason", row),
      path: data.panels[row],
      values: data.columns.map(({ name }) => [name.replaceAll("_", " "), value(name, row)]),
      columns: heads.length,
      close: () => toggle(row),
    });
  }

  function entry(row) {
    return table.querySelector(`tr.entry[data-row="${row}"]`);
  }

  function toggle(row) {
    const above = entry(row);
    if (opened.has(row)) {
      opened.get(row).remove();
      opened.delete(row);
    } else {
      opened.set(row, detail(row));
      above.after(opened.get(row));
    }
    const button = above.querySelector(".opener");
    button.setAttribute("aria-expanded", String(opened.has(row)));
    button.focus();
  }

  function show({ word = "", of = "", seen = "", only = null }) {
    search.value = word;
    status.value = of;
    code.value = seen;
    box = only;
    filter();
  }

  function toTable() {
    byId("patients-title").scrollIntoView();
    byId("patients-title").focus({ preventScroll: true });
  }

  function pick(chosen) {
    show({ only: box === chosen ? null : chosen });
    if (box) toTable();
  }

  function reveal(name) {
    const row = order.find((each) => value("patient_id", each) === name || value("partition_key", each) === name);
    if (row === undefined) return false;
    show({});
    first = Math.floor(fitting.indexOf(row) / AT_ONCE) * AT_ONCE;
    draw();
    if (!opened.has(row)) toggle(row);
    entry(row).scrollIntoView();
    entry(row).querySelector(".opener").focus({ preventScroll: true });
    return true;
  }

  function turn(by) {
    first += by;
    draw();
    toTable();
  }

  function paper(now) {
    onPaper = now;
    draw();
  }

  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (head && event.target.closest("button")) sortBy(head);
  });
  table.tBodies[0].addEventListener("click", (event) => {
    const button = event.target.closest("button.opener");
    if (button) toggle(Number(button.closest("tr").dataset.row));
  });
  table.tBodies[0].addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const line = event.target.closest("tr");
    const row = Number((line.classList.contains("detail") ? line.previousElementSibling : line).dataset.row);
    if (opened.has(row)) toggle(row);
  });
  for (const tile of tiles)
    tile.addEventListener("click", () => {
      status.value = status.value === tile.dataset.status ? "" : tile.dataset.status;
      filter();
    });
  for (const link of document.querySelectorAll("button.link"))
    link.addEventListener("click", () => {
      show({ of: link.dataset.status ?? "", seen: link.dataset.code ?? "" });
      toTable();
    });
  for (const each of boxes) {
    each.addEventListener("click", () => pick(each));
    each.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      pick(each);
    });
  }
  picked.addEventListener("click", () => {
    box = null;
    filter();
    search.focus();
  });
  byId("previous").addEventListener("click", () => turn(-AT_ONCE));
  byId("next").addEventListener("click", () => turn(AT_ONCE));
  window.addEventListener("beforeprint", () => paper(true));
  window.addEventListener("afterprint", () => paper(false));
  for (const input of [search, status, code]) input.addEventListener("input", filter);
  search.form.addEventListener("submit", (event) => event.preventDefault());
  search.form.addEventListener("reset", () => setTimeout(() => show({})));
  filter();
  return { reveal };
}
"""
