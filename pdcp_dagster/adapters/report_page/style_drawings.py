"""The look of the diagram and of the plot on the report page.

What lives here: rules for their SVG. What does not: colours and the page (`style`).
"""

from __future__ import annotations

DIAGRAM = """
.flow { display: block; width: 100%; min-width: 36rem; max-width: 46rem; }
.flow text { fill: var(--text); font: 13px system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
.flow .ground { fill: var(--card); }
.flow .main rect { fill: var(--tint); stroke: var(--line); }
.flow .main.SUCCESS rect { stroke: var(--tone); stroke-width: 2; }
.flow .many { font-size: 21px; font-weight: 650; }
.flow .main .words { fill: var(--faint); }
.flow .frame { fill: var(--card); stroke: var(--line); }
.flow .edge { fill: var(--tone); }
.flow .line { fill: transparent; }
.flow .title text { font-weight: 600; }
.flow .count { text-anchor: end; font-variant-numeric: tabular-nums; font-weight: 600; }
.flow .way { fill: none; stroke: var(--faint); stroke-width: 1.3; }
.flow .head { fill: var(--faint); }
.flow .pick { cursor: pointer; outline: none; }
.flow .pick:hover .line, .flow .pick.main:hover rect { fill: var(--hover); }
.flow .pick:focus-visible rect { stroke: var(--accent); stroke-width: 2.5; }
.flow .pick[aria-pressed="true"] rect { fill: var(--hover); stroke: var(--accent); stroke-width: 1.5; }
"""

PLOT = """
#plot { position: relative; max-width: 58rem; aspect-ratio: 760 / 420; cursor: crosshair; border-radius: 8px;
  touch-action: pan-y; }
#plot canvas, #plot svg { position: absolute; inset: 0; width: 100%; height: 100%; }
#plot text { fill: var(--faint); font: 13px system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
#plot .grid { stroke: var(--line); fill: none; }
#plot .axis { stroke: var(--faint); fill: none; }
#plot .quartiles { fill: var(--band); opacity: .26; }
#plot .median { fill: none; stroke: var(--band); stroke-width: 2.6; }
#plot .one { fill: none; stroke: var(--failed); stroke-width: 2.2; }
#plot .point { fill: var(--failed); stroke: var(--card); stroke-width: 1.5; }
#plot-said { min-height: 1.45em; margin: .4rem 0; overflow-wrap: anywhere; }
.keys { color: var(--faint); }
.key { display: inline-block; width: 1.6em; margin: 0 .2em 0 .8em; vertical-align: middle; }
.key:first-child { margin-left: 0; }
.key.median { border-top: 3px solid var(--band); }
.key.quartiles { height: .8em; background: var(--band); opacity: .28; }
.key.each { border-top: 1.5px solid var(--faint); opacity: .8; }
"""
