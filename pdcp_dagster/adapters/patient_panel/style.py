"""The look of a patient's page, in light, in dark and on paper.

What lives here: the style sheet as it is put into the page. Colours of status and curves are of Okabe and Ito's set
(2008), told apart by every kind of colour vision; in the dark those are lighter that would be lost.
"""

from __future__ import annotations

_DARK = """color-scheme: dark;
  --back: #12161b; --card: #1a2027; --text: #e4e8ec; --faint: #9aa5b1; --line: #303944; --grid: #262e37;
  --success: #56b4e9; --review: #e69f00; --exclude: #98a2ae; --failed: #f0803c; --pending: #5b6570;
  --c0: #f0803c; --c1: #4ea3dc; --c2: #2fc79a; --c3: #dd9cc0; --c4: #f2f4f6; --c5: #f0b43c; --c6: #8fd0f5;"""
_STYLE = """
:root {
  color-scheme: light dark;
  --back: #ffffff; --card: #f6f7f9; --text: #1b2026; --faint: #5c6670; --line: #dde1e6; --grid: #e6e9ed;
  --success: #0072b2; --review: #c77f00; --exclude: #6b7480; --failed: #c44a00; --pending: #a9b1ba;
  --c0: #d55e00; --c1: #0072b2; --c2: #009e73; --c3: #cc79a7; --c4: #000000; --c5: #e69f00; --c6: #56b4e9;
}
@media screen and (prefers-color-scheme: dark) { :root:not(:has(#light:target)) { DARK } }
:root:has(#light:target) { color-scheme: light; }
@media screen { :root:has(#dark:target) { DARK } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.1rem clamp(.9rem, 2.5vw, 2.2rem) 2rem; max-width: 84rem; background: var(--back);
  color: var(--text); font: 14.5px/1.45 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .3rem .9rem; }
h1 { margin: 0; font-size: 1.4rem; font-weight: 650; overflow-wrap: anywhere; }
h2 { margin: 1.7rem 0 .55rem; font-size: 1.05rem; font-weight: 650; }
h3 { margin: 0 0 .3rem; font-size: .95rem; font-weight: 600; overflow-wrap: anywhere; }
.cohort, .faint, .remedy { color: var(--faint); }
.codes td:first-child, .codes code { white-space: nowrap; }
.badge { padding: 0 .6em; border: 1.5px solid var(--tone); border-radius: 1em; font-size: .86em; font-weight: 600;
  white-space: nowrap; }
.SUCCESS { --tone: var(--success); } .REVIEW { --tone: var(--review); } .EXCLUDE { --tone: var(--exclude); }
.FAILED { --tone: var(--failed); } .PENDING { --tone: var(--pending); }
.reason { margin: .7rem 0 0; padding: .55rem .9rem; background: var(--card); border-left: 4px solid var(--tone);
  border-radius: 6px; overflow-wrap: anywhere; }
.unread { padding: .45rem .9rem; border: 1.5px solid var(--failed); border-radius: 6px; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr)); gap: .45rem 1.3rem;
  margin: .9rem 0 0; }
dt { color: var(--faint); font-size: .82em; }
dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: .35rem .7rem; text-align: left; vertical-align: top; font-weight: 400; }
thead th { color: var(--faint); font-size: .86em; font-weight: 600; white-space: nowrap; background: var(--card); }
tbody > * > * { border-top: 1px solid var(--line); }
tbody th { font-weight: 600; overflow-wrap: anywhere; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.rois .number { padding-left: .5rem; padding-right: .5rem; }
.words { min-width: 12rem; overflow-wrap: anywhere; }
.uid, code { font: .84em/1.5 ui-monospace, "DejaVu Sans Mono", Consolas, monospace; overflow-wrap: anywhere; }
.uid { color: var(--faint); }
.plans { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: .8rem; }
.plan { padding: .7rem .9rem .8rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.plan dl { margin-top: .4rem; }
.histograms { display: grid; grid-template-columns: minmax(0, 3fr) minmax(10rem, 1fr); gap: .4rem 1.4rem; }
@media (max-width: 46rem) { .histograms { grid-template-columns: 1fr; } }
.dvh { width: 100%; height: auto; max-height: 30rem; }
.dvh text { fill: var(--faint); font-size: 12px; }
.grid { stroke: var(--grid); fill: none; }
.prescribed { stroke: var(--faint); stroke-width: 1.2; stroke-dasharray: 1.5 3; fill: none; }
.curve { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
.dvh .curve:hover { stroke-width: 4.5; }
.t0, .t1, .t2, .t3, .t4, .t5 { stroke-width: 2.6; }
.t0 { stroke: var(--c0); } .t1 { stroke: var(--c1); } .t2 { stroke: var(--c2); } .t3 { stroke: var(--c3); }
.t4 { stroke: var(--c4); } .t5 { stroke: var(--c5); }
.o0 { stroke: var(--c1); } .o1 { stroke: var(--c5); } .o2 { stroke: var(--c2); } .o3 { stroke: var(--c3); }
.o4 { stroke: var(--c6); } .o5 { stroke: var(--c0); }
.d0 { stroke-dasharray: 7 3; } .d1 { stroke-dasharray: 2.5 2.5; } .d2 { stroke-dasharray: 9 2.5 2 2.5; }
.legend { margin: 0; padding: .3rem 0 0; list-style: none; font-size: .92em; align-self: start; }
.legend li { display: flex; align-items: baseline; gap: .55em; overflow-wrap: anywhere; }
.sign { flex: none; width: 28px; height: 8px; vertical-align: middle; }
.name { min-width: 9rem; } .name .sign { margin-right: .5em; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(30rem, 100%), 1fr)); gap: .9rem; }
figure { margin: 0; }
figure img { display: block; width: 100%; height: auto; min-height: 4rem; background: #000; border-radius: 6px; }
figcaption { margin-top: .25rem; color: var(--faint); font-size: .9em; overflow-wrap: anywhere; }
details { margin-top: .7rem; }
summary { cursor: pointer; color: var(--faint); margin-bottom: .45rem; }
:focus-visible { outline: 2.5px solid var(--success); outline-offset: 2px; }
footer { margin-top: 1.8rem; color: var(--faint); font-size: .86em; }
@media print {
  :root { --back: #fff; --card: #fff; --text: #000; --faint: #444; --line: #bbb; color-scheme: light; }
  body { padding: 0; font-size: 9pt; }
  .scroll { overflow: visible; }
  figure, .plan, tr { break-inside: avoid; }
}
"""
STYLE = _STYLE.replace("DARK", _DARK)
"""By the reader's settings, or, where whoever opens the page wants it so, by its fragment: `#dark`, `#light`."""
