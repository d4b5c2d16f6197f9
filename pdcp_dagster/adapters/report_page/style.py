"""The report page's look, in light, in dark and on paper.

What lives here: the style sheet as it is put into the page. Status colours are of Okabe and Ito's set (2008), and never
stand without a mark and a word.
"""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --back: #f6f7f9; --card: #ffffff; --text: #1b2026; --faint: #5c6670; --line: #dde1e6; --accent: #0b62a8;
  --hover: #eef3f8;
  --success: #0072b2; --review: #c77f00; --exclude: #6b7480; --failed: #c44a00; --pending: #a9b1ba;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #12161b; --card: #1a2027; --text: #e4e8ec; --faint: #9aa5b1; --line: #303944; --accent: #6fb6f0;
    --hover: #232c36;
    --success: #56b4e9; --review: #e69f00; --exclude: #98a2ae; --failed: #f0803c; --pending: #5b6570;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem clamp(1rem, 3vw, 3rem) 3rem; max-width: 110rem; background: var(--back);
  color: var(--text); font: 15px/1.45 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
h1 { margin: 0; font-size: 1.7rem; font-weight: 650; }
h2 { margin: 2rem 0 .7rem; font-size: 1.15rem; font-weight: 650; }
.lead { margin: .2rem 0 1.3rem; color: var(--faint); }
.bar { display: block; width: 100%; height: 10px; border-radius: 5px; background: var(--line); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem; margin-top: .8rem; }
.tile { display: grid; padding: .7rem 1rem .8rem; text-align: left; color: inherit; font: inherit;
  background: var(--card); border: 1px solid var(--line); border-left: 5px solid var(--tone); border-radius: 8px;
  cursor: pointer; }
.tile:hover, .tile[aria-pressed="true"] { background: var(--hover); }
.tile[aria-pressed="true"] { border-color: var(--tone); }
.count { font-size: 1.8rem; font-weight: 650; font-variant-numeric: tabular-nums; line-height: 1.2; }
.name { font-weight: 600; letter-spacing: .02em; }
.share, .meaning, .faint { color: var(--faint); font-weight: 400; }
.SUCCESS { --tone: var(--success); fill: var(--success); } .REVIEW { --tone: var(--review); fill: var(--review); }
.EXCLUDE { --tone: var(--exclude); fill: var(--exclude); } .FAILED { --tone: var(--failed); fill: var(--failed); }
.PENDING { --tone: var(--pending); fill: var(--pending); }
.badge { display: inline-block; padding: 0 .55em; border: 1.5px solid var(--tone); border-radius: 1em; font-size: .86em;
  font-weight: 600; white-space: nowrap; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: .45rem .75rem; text-align: left; vertical-align: top; }
thead th { color: var(--faint); font-size: .86em; font-weight: 600; white-space: nowrap; }
.entry > *, .codes td { border-top: 1px solid var(--line); }
.entry:hover { background: var(--hover); }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.words { min-width: 18rem; max-width: 40rem; overflow-wrap: anywhere; }
.date, .standing { white-space: nowrap; }
thead button, .opener, .link { padding: 0; color: inherit; font: inherit; text-align: inherit; background: none;
  border: 0; cursor: pointer; }
thead button:hover, .opener:hover, .link { color: var(--accent); }
.link:hover { text-decoration: underline; }
/* After the slash: what a screen reader says of a glyph, which is nothing. */
thead button::after { content: " \\2195"; content: " \\2195" / ""; opacity: .45; }
th[aria-sort="ascending"] button::after { content: " \\2191"; content: " \\2191" / ""; opacity: 1; }
th[aria-sort="descending"] button::after { content: " \\2193"; content: " \\2193" / ""; opacity: 1; }
.opener { min-width: 8rem; max-width: 16rem; font-weight: 600; overflow-wrap: anywhere; }
.opener::before { content: "\\25b8"; content: "\\25b8" / ""; display: inline-block; width: 1em; color: var(--faint); }
.opener[aria-expanded="true"]::before { content: "\\25be"; content: "\\25be" / ""; }
.filter { display: flex; flex-wrap: wrap; align-items: center; gap: .6rem 1.2rem; margin-bottom: .8rem; }
.filter input, .filter select, .filter button, #more { margin-left: .3rem; padding: .35rem .6rem; color: inherit;
  font: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px; }
.filter input { width: 17rem; }
#more { margin: .8rem 0 0; }
#more, .filter button, .filter select { cursor: pointer; }
.filter output { color: var(--faint); }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .5rem 1.5rem;
  margin: .2rem 0 .6rem 1rem; }
dt { color: var(--faint); font-size: .82em; }
dd { margin: 0; overflow-wrap: anywhere; }
details { margin-top: .8rem; }
summary { cursor: pointer; color: var(--accent); margin-bottom: .5rem; }
:focus-visible { outline: 2.5px solid var(--accent); outline-offset: 2px; }
footer { margin-top: 2rem; color: var(--faint); font-size: .86em; }
[hidden] { display: none; }
@media print {
  :root { --back: #fff; --card: #fff; --text: #000; --faint: #444; --line: #bbb; color-scheme: light; }
  body { padding: 0; font-size: 9pt; }
  .filter, #more, thead button::after, .opener::before { display: none; }
  .scroll { overflow: visible; border: 0; }
  .bar, .tile { print-color-adjust: exact; }
  tbody, .tile { break-inside: avoid; }
}
"""
