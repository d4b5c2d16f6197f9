"""The look of the commissioning report, in light, in dark and on paper.

What lives here: the style sheet as it is put into the page. Colours are of Okabe and Ito's set (2008), and never stand
without a mark and a word.
"""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --back: #f6f7f9; --card: #fff; --text: #1b2026; --faint: #5c6670; --line: #dde1e6; --band: #eef1f5;
  --good: #0072b2; --known: #00795c; --bad: #b84300;
}
@media (prefers-color-scheme: dark) {
  :root { --back: #12161b; --card: #1a2027; --text: #e4e8ec; --faint: #9aa5b1; --line: #303944; --band: #232c36;
    --good: #56b4e9; --known: #2fc79d; --bad: #f0803c; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem clamp(1rem, 3vw, 3rem) 3rem; max-width: 90rem; background: var(--back);
  color: var(--text); font: 15px/1.45 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
h1 { margin: 0; font-size: 1.7rem; font-weight: 650; }
h2 { margin: 2rem 0 .7rem; font-size: 1.15rem; font-weight: 650; }
.verdict { margin: .8rem 0; padding: .7rem 1rem; font-size: 1.05rem; font-weight: 600; background: var(--card);
  border: 1px solid var(--line); border-left: 5px solid var(--tone); border-radius: 8px; }
.good { --tone: var(--good); } .known { --tone: var(--known); } .bad { --tone: var(--bad); }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .5rem 1.5rem; margin: 0; }
dt { color: var(--faint); font-size: .82em; } dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: .35rem .75rem; text-align: left; vertical-align: top; }
thead th { color: var(--faint); font-size: .86em; font-weight: 600; }
tbody tr { border-top: 1px solid var(--line); } tbody th { font-weight: 400; }
.roi th { font-weight: 600; background: var(--band); overflow-wrap: anywhere; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.out { font-weight: 700; color: var(--bad); } .system, .faint { color: var(--faint); }
.badge { display: inline-block; margin-right: .5em; padding: 0 .55em; border: 1.5px solid var(--tone);
  border-radius: 1em; font-size: .86em; white-space: nowrap; }
.words { overflow-wrap: anywhere; }
footer, .note { margin-top: 1rem; color: var(--faint); font-size: .86em; }
@media print {
  :root { --back: #fff; --card: #fff; --text: #000; --faint: #444; --line: #bbb; --band: #eee; color-scheme: light; }
  body { padding: 0; font-size: 9pt; }
  .scroll { overflow: visible; border: 0; }
  tbody { break-inside: avoid; } thead { display: table-header-group; }
}
"""
