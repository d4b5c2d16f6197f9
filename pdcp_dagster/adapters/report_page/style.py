"""The report page's look, in light, in dark and on paper.

What lives here: the style sheet as it is put into the page. Status colours are of Okabe and Ito's set (2008), and never
stand without a mark or a word. What does not: the looks of the diagram and the plot (`style_drawings`).
"""

from __future__ import annotations

from pdcp_dagster.adapters.report_page.style_drawings import DIAGRAM, PLOT

_LIGHT = """color-scheme: light;
  --back: #f5f6f8; --card: #ffffff; --text: #1b2026; --faint: #58626d; --line: #dfe3e8; --accent: #0b5c9e;
  --hover: #edf3f9; --tint: #f8fafb; --band: #0b5c9e;
  --success: #0072b2; --review: #b36f00; --exclude: #6b7480; --failed: #c44a00; --pending: #a3abb5;"""
_DARK = """color-scheme: dark;
  --back: #101418; --card: #181d23; --text: #e4e8ec; --faint: #9ca7b3; --line: #2e3741; --accent: #7fbff5;
  --hover: #222b35; --tint: #1d232a; --band: #7fbff5;
  --success: #56b4e9; --review: #e69f00; --exclude: #98a2ae; --failed: #f0803c; --pending: #5f6a76;"""

_STATUSES = """
.SUCCESS { --tone: var(--success); } .REVIEW { --tone: var(--review); } .EXCLUDE { --tone: var(--exclude); }
.FAILED { --tone: var(--failed); } .PENDING { --tone: var(--pending); }
"""

_PAGE = """
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.6rem clamp(1rem, 3vw, 3rem) 3rem; max-width: 112rem; background: var(--back);
  color: var(--text); font: 15px/1.45 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
header { margin-bottom: 1rem; display: flex; flex-wrap: wrap; align-items: flex-start; justify-content: space-between;
  gap: 1rem; }
h1 { margin: 0; font-size: 1.75rem; font-weight: 650; letter-spacing: -.01em; }
h2 { margin: 0 0 .5rem; font-size: 1.15rem; font-weight: 650; }
h3 { margin: 0; font-size: 1.05rem; font-weight: 650; overflow-wrap: anywhere; }
p { margin: .3rem 0 .8rem; }
.lead { margin: .2rem 0 0; color: var(--faint); }
.notes { margin: 0 0 1.2rem; padding: .7rem 1rem .7rem 2rem; background: var(--card); border: 1px solid var(--line);
  border-left: 5px solid var(--review); border-radius: 10px; }
.card { margin-top: 1.2rem; padding: 1.1rem 1.3rem 1.2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; }
.both { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 40rem), 1fr)); gap: 0 1.2rem;
  align-items: start; }
@media screen { #bands { position: sticky; top: 0; } }
.bar { display: block; width: 100%; height: 8px; border-radius: 4px; background: var(--line); }
.bar rect { fill: var(--tone); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem; margin-top: .8rem; }
.tile { display: grid; padding: .7rem 1rem .8rem; text-align: left; color: inherit; font: inherit;
  background: var(--card); border: 1px solid var(--line); border-left: 5px solid var(--tone); border-radius: 10px;
  cursor: pointer; }
.tile:hover, .tile[aria-pressed="true"] { background: var(--hover); }
.tile[aria-pressed="true"] { border-color: var(--tone); }
.count { font-variant-numeric: tabular-nums; }
.tile .count { font-size: 1.8rem; font-weight: 650; line-height: 1.2; }
.name { font-weight: 600; letter-spacing: .02em; }
.share, .meaning, .faint { color: var(--faint); font-weight: 400; }
.badge { display: inline-block; padding: 0 .55em; border: 1.5px solid var(--tone); border-radius: 1em; font-size: .86em;
  font-weight: 600; white-space: nowrap; }
.scroll, .wide { overflow-x: auto; } .scroll { border: 1px solid var(--line); border-radius: 8px; }
button, select, input { color: inherit; font: inherit; }
.filter { display: flex; flex-wrap: wrap; align-items: center; gap: .6rem 1.1rem; margin-bottom: .8rem; }
.filter input, .filter select, .filter button, .pages button, .tool { padding: .35rem .65rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 7px; }
.filter label > * { margin-left: .3rem; }
.filter input { width: 15rem; } #code { width: 15rem; } #structure { max-width: 24rem; }
.filter button, .pages button, .filter select, .tool { cursor: pointer; }
.filter button:hover, .pages button:not(:disabled):hover, .tool:hover { background: var(--hover); }
.filter output { color: var(--faint); }
#picked { max-width: 100%; text-align: left; border-color: var(--accent); }
#picked::after { content: " \\00d7"; content: " \\00d7" / ""; }
.pages { display: flex; align-items: center; gap: .9rem; margin-top: .8rem; color: var(--faint); }
button:disabled { opacity: .4; cursor: default; }
a { color: var(--accent); }
details { margin-top: .8rem; }
summary { cursor: pointer; color: var(--accent); margin-bottom: .5rem; }
:focus-visible { outline: 2.5px solid var(--accent); outline-offset: 2px; }
footer { margin-top: 2rem; color: var(--faint); font-size: .86em; }
[hidden] { display: none !important; }
"""

_TABLES = """
table { width: 100%; border-collapse: collapse; }
th, td { padding: .45rem .65rem; text-align: left; vertical-align: top; }
thead th { color: var(--faint); font-size: .86em; font-weight: 600; white-space: nowrap; }
.entry > *, .codes td { border-top: 1px solid var(--line); }
.entry:hover { background: var(--hover); }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.words { min-width: 22rem; max-width: 44rem; overflow-wrap: anywhere; }
.date, .standing { white-space: nowrap; }
thead button, .opener, .link { padding: 0; text-align: inherit; background: none; border: 0; cursor: pointer; }
thead button:hover, .opener:hover, .link { color: var(--accent); }
.link:hover { text-decoration: underline; }
/* After the slash: what a screen reader says of a glyph, which is nothing. */
thead button::after { content: " \\2195"; content: " \\2195" / ""; opacity: .45; }
th[aria-sort="ascending"] button::after { content: " \\2191"; content: " \\2191" / ""; opacity: 1; }
th[aria-sort="descending"] button::after { content: " \\2193"; content: " \\2193" / ""; opacity: 1; }
.opener { min-width: 6rem; max-width: 16rem; font-weight: 600; overflow-wrap: anywhere; }
.opener::before { content: "\\25b8"; content: "\\25b8" / ""; display: inline-block; width: 1em; color: var(--faint); }
.opener[aria-expanded="true"]::before { content: "\\25be"; content: "\\25be" / ""; }
.detail > td { padding: 0 .75rem 1rem; }
.panel { position: sticky; left: .75rem; max-width: min(100%, calc(100vw - 9rem), 100rem); padding: .9rem 1.1rem 1rem;
  background: var(--tint); border: 1px solid var(--line); border-radius: 10px; }
.panel-head { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem .9rem; }
.panel-head .tool { margin-left: auto; }
iframe { display: block; width: 100%; height: min(46rem, 85vh); margin-top: .8rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 8px; resize: vertical; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .5rem 1.5rem; margin: .4rem 0; }
dt { color: var(--faint); font-size: .82em; }
dd { margin: 0; overflow-wrap: anywhere; }
"""

_PAPER = """
  body { padding: 0; max-width: none; font-size: 9pt; }
  .filter, .pages, .tool, .detail, #plot-how, .panel-head a, thead button::after, .opener::before
    { display: none; }
  .scroll, .wide { overflow: visible; border: 0; }
  .card { padding: 0; border: 0; } .both { display: block; }
  .bar, .tile, svg, canvas { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .entry, .tile, #attrition, #bands { break-inside: avoid; }
  th, td { padding: .2rem .4rem; } .words, .opener { min-width: 0; } #patients .faint { display: none; }
"""

STYLE = f"""
:root {{ {_LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}
:root[data-theme="light"] {{ {_LIGHT} }}
:root[data-theme="dark"] {{ {_DARK} }}
{_STATUSES}{_PAGE}{_TABLES}{DIAGRAM}{PLOT}
@media print {{
  :root:root {{ {_LIGHT} --back: #fff; --text: #000; }}
{_PAPER}}}
"""

PICTURE_STYLE = f"svg {{ {_LIGHT} }}{_STATUSES}{DIAGRAM}"
"""The look of the diagram as a picture of its own: light, on a ground of its own."""
