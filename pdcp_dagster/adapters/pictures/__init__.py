"""Pictures of ROIs on the CT, drawn with Pillow: one per ROI or candidate, and a contact sheet of many.

What lives here: drawing, and encoding within a size limit. What does not: which way up a slice is shown and how values
become grey and colour (`domain.views`, `domain.display`), plots (`dvh_plot`).
"""

from __future__ import annotations

from pdcp_dagster.adapters.pictures.candidate_picture import CandidateScene, candidate_panel, draw_candidate_picture
from pdcp_dagster.adapters.pictures.encoding import LARGEST_PNG, encode_png, save_png
from pdcp_dagster.adapters.pictures.roi_picture import axial_panel, draw_roi_picture
from pdcp_dagster.adapters.pictures.sheet import LARGEST_SHEET, contact_sheet

__all__ = [
    "LARGEST_PNG",
    "LARGEST_SHEET",
    "CandidateScene",
    "axial_panel",
    "candidate_panel",
    "contact_sheet",
    "draw_candidate_picture",
    "draw_roi_picture",
    "encode_png",
    "save_png",
]
