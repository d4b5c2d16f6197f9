"""The report page's script. No network, no storage, no inline handlers, text only by `textContent`.

What lives here: the script as it is put into the page. What does not: its larger parts (`script_patients`,
`script_panel`, `script_bands`), and the elements that it works on.
"""

from __future__ import annotations

from pdcp_dagster.adapters.report_page.script_bands import BANDS
from pdcp_dagster.adapters.report_page.script_panel import PANEL
from pdcp_dagster.adapters.report_page.script_patients import PATIENTS

_THEME = r"""
const THEMES = ["system", "light", "dark"];
const theme = document.getElementById("theme");
theme.addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(theme.dataset.now) + 1) % THEMES.length];
  theme.dataset.now = next;
  theme.textContent = `Colours: ${next === "system" ? "as the system" : next}`;
  if (next === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  colourPanels();
});
"""

SCRIPT = f"""
"use strict";
(() => {{
{_THEME}{PANEL}{PATIENTS}{BANDS}
const patients = startPatients();
startBands((name) => patients && patients.reveal(name));
}})();
"""
