"""The parts of a patient's page, each of them empty where there is nothing to tell.

What lives here: codes, links, plans, ROIs, pictures, files as HTML. What does not: the frame of the page (`page`), the
drawing of the DVHs (`figure`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdcp_dagster.adapters.patient_panel.figure import curve_classes, dvh_figure, sign
from pdcp_dagster.adapters.patient_panel.text import (
    escaped,
    facts_list,
    isolated,
    number,
    picture_url,
    size_of,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdcp_dagster.adapters.patient_panel.content import (
        PanelFiles,
        PanelFinding,
        PanelObject,
        PanelPicture,
        PanelPlan,
        PanelRoi,
        PatientPanel,
    )

_BY = {
    "uid": "its UID",
    "structure_set": "the same structure set",
    "frame_of_reference": "the same frame of reference",
}


def unread_section(names: Sequence[str]) -> str:
    """Return which files could not be read: what they hold is not shown, which is not the same as that it is not there.

    Only making them anew helps.
    """
    if not names:
        return ""
    told = ", ".join(f"<code>{escaped(name)}</code>" for name in names)
    return f'<p class="unread">Not shown, since it cannot be read: {told}. Run this patient again with --force.</p>'


def codes_section(findings: Sequence[PanelFinding]) -> str:
    """Return the codes: those that exclude or ask for a person first, the others folded away."""
    deciding = [finding for finding in findings if finding.decides]
    others = [finding for finding in findings if not finding.decides]
    parts = [_codes(deciding)] if deciding else []
    if others:
        parts.append(_folded(f"Steps passed and notes ({len(others)})", _codes(others)))
    return _section("What was found", *parts)


def links_section(objects: Sequence[PanelObject]) -> str:
    """Return what belongs together, and by what; what was refused is folded away with its reason."""
    roles = {each.uid: each.role for each in objects}
    selected = [_selected(each, roles) for each in objects if each.selected]
    refused = [_refused(each) for each in objects if not each.selected]
    parts = [table(("Object", "Belongs to", "By"), selected, "links")] if selected else []
    if refused:
        told = table(("Object", "Why not"), refused, "links")
        parts.append(_folded(f"Not used ({len(refused)})", told, opened=not selected))
    return _section("What belongs together", *parts)


def plans_section(plans: Sequence[PanelPlan]) -> str:
    """Return the facts of each plan; those that were refused are folded away."""
    used = "".join(_plan(plan) for plan in plans if plan.selected)
    refused = [_plan(plan) for plan in plans if not plan.selected]
    parts = [f'<div class="plans">{used}</div>'] if used else []
    if refused:
        parts.append(_folded(f"Not used ({len(refused)})", f'<div class="plans">{"".join(refused)}</div>'))
    return _section("Plan and dose", *parts)


def rois_section(panel: PatientPanel) -> str:
    """Return the DVHs with their legend, and the numbers of each ROI."""
    signs = [sign(kind) for kind in curve_classes(panel.curves)]
    parts = [_histograms(panel, signs)] if panel.curves else []
    if panel.rois:
        rows = [_roi(roi, signs) for roi in panel.rois]
        parts.append(table(("ROI", *panel.columns, "Flags"), rows, "rois", numbers=panel.columns))
    if panel.further_rois:
        parts.append(f'<p class="faint">and {panel.further_rois} more ROIs in the tables</p>')
    return _section("Structures and dose" if panel.curves else "Structures", *parts)


def pictures_section(title: str, pictures: Sequence[PanelPicture]) -> str:
    """Return pictures, which lie beside the page."""
    figures = "".join(map(_picture, pictures))
    return _section(title, f'<div class="pictures">{figures}</div>') if pictures else ""


def _picture(picture: PanelPicture) -> str:
    source = escaped(picture_url(picture.folder, picture.name))
    return (
        f'<figure><img loading="lazy" src="{source}" alt="{escaped(picture.caption)}">'
        f"<figcaption>{isolated(picture.caption)}</figcaption></figure>"
    )


def files_section(files: Sequence[PanelFiles]) -> str:
    """Return what lies in the patient's folder, folded away."""
    if not files:
        return ""
    rows = (
        f'<th scope="row"><code>{escaped(each.name)}</code></th><td>{escaped(each.asset)}</td>'
        f'<td class="number">{each.files}</td><td class="number">{size_of(each.size)}</td>'
        for each in files
    )
    told = table(("In this page's folder", "Asset", "Files", "Size"), rows, "files", numbers=("Files", "Size"))
    return f"<section><h2>Files</h2>{_folded(f'What lies beside this page ({len(files)})', told)}</section>"


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{escaped(title)}</h2>{''.join(parts)}</section>" if parts else ""


def _folded(title: str, content: str, *, opened: bool = False) -> str:
    return f"<details{' open' if opened else ''}><summary>{escaped(title)}</summary>{content}</details>"


def _codes(findings: Sequence[PanelFinding]) -> str:
    rows = (
        f'<td>{escaped(finding.standing)}</td><td class="words">{escaped(finding.meaning)}'
        f"{': ' if finding.detail else '.'}{isolated(finding.detail)}</td>"
        f'<td class="words remedy">{escaped(finding.remedy)}</td><td><code>{escaped(finding.code)}</code></td>'
        for finding in findings
    )
    return table(("Standing", "What was seen", "What to do", "Code"), rows, "codes")


def _selected(each: PanelObject, roles: dict[str, str]) -> str:
    role = roles.get(each.linked_to, "")
    target = f'{escaped(role)} <span class="uid">{escaped(each.linked_to)}</span>' if each.linked_to else ""
    return f"{_object(each)}<td>{target}</td><td>{escaped(_BY.get(each.linked_by, each.linked_by))}</td>"


def _refused(each: PanelObject) -> str:
    return f'{_object(each)}<td class="words">{isolated(each.reason)}</td>'


def _object(each: PanelObject) -> str:
    return f'<th scope="row">{escaped(each.role)} <span class="uid">{escaped(each.uid)}</span></th>'


def _plan(plan: PanelPlan) -> str:
    return f'<div class="plan"><h3>{isolated(plan.title)}</h3>{facts_list(plan.facts.items())}</div>'


def _histograms(panel: PatientPanel, signs: Sequence[str]) -> str:
    entries = [
        f"<li>{of_curve}<bdi>{escaped(curve.name)}</bdi></li>"
        for of_curve, curve in zip(signs, panel.curves, strict=True)
    ]
    entries += [f"<li>{sign('prescribed')}prescribed: {gy:g} Gy</li>" for gy in panel.prescriptions_gy]
    if panel.further_curves:
        entries.append(f'<li class="faint">and {panel.further_curves} more</li>')
    figure = dvh_figure(panel.curves, panel.prescriptions_gy)
    return f'<div class="histograms">{figure}<ul class="legend">{"".join(entries)}</ul></div>'


def _roi(roi: PanelRoi, signs: Sequence[str]) -> str:
    of_curve = "" if roi.curve is None else signs[roi.curve]
    standard = f' <span class="faint">{isolated(roi.standard_name)}</span>' if roi.standard_name else ""
    numbers = "".join(f'<td class="number">{number(value)}</td>' for value in roi.numbers)
    flags = f'<td class="faint">{escaped(roi.flags)}</td>'
    return f'<th scope="row" class="name">{of_curve}{isolated(roi.name)}{standard}</th>{numbers}{flags}'
