"""The part of the page's script that shows one patient: the panel in a frame without scripts, and all values.

What lives here: the functions `element`, `coloured`, `colourPanels` and `patientDetail`. What does not: which patient
(`script_patients`), the panel itself (a file beside the page).
"""

from __future__ import annotations

PANEL = r"""
function element(tag, text, kind) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

// A panel runs no script: it takes its colours from what its address ends with.
function coloured(path) {
  return theme.dataset.now === "system" ? path : `${path}#${theme.dataset.now}`;
}

function colourPanels() {
  for (const frame of document.querySelectorAll("iframe")) {
    const address = coloured(frame.dataset.path);
    if (frame.getAttribute("src") !== address) frame.src = address;
  }
}

function patientDetail({ name, badge, reason, path, values, columns, close }) {
  const row = element("tr", undefined, "detail");
  const cell = row.insertCell();
  cell.colSpan = columns;
  const section = element("section", undefined, "panel");
  section.setAttribute("aria-label", `Patient ${name}`);
  const head = element("div", undefined, "panel-head");
  const button = element("button", "Close", "tool");
  button.type = "button";
  button.addEventListener("click", close);
  // Badge and reason are the report's, also above a panel: that is of the last run and may tell of what was before.
  if (path) head.append(badge, ownPage(), button);
  else head.append(title(), badge, button);
  const all = element("details");
  all.append(element("summary", "All values of the report"), list());
  all.open = !path;
  section.append(head, element("p", reason), ...(path ? [panel()] : []), all);
  cell.append(section);
  return row;

  function panel() {
    const frame = element("iframe");
    frame.title = `Pictures, histograms and notes of ${name}`;
    // Without allow-scripts; a file's frame that is no longer of its origin may not load its own pictures.
    frame.setAttribute("sandbox", "allow-same-origin allow-popups allow-popups-to-escape-sandbox");
    frame.loading = "lazy";
    frame.dataset.path = path;
    frame.src = coloured(path);
    return frame;
  }

  function title() {
    const made = element("h3");
    made.append(element("bdi", name));
    return made;
  }

  function ownPage() {
    const link = element("a", "Open this patient on a page of its own");
    link.href = path;
    link.target = "_blank";
    link.rel = "noopener";
    return link;
  }

  function list() {
    const made = element("dl");
    for (const [key, text] of values) {
      const pair = element("div");
      pair.append(element("dt", key), element("dd", text || "\u2013"));
      made.append(pair);
    }
    return made;
  }
}
"""
