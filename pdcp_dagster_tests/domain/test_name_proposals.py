"""Laws of proposals: near names are proposed with their reason, never one of another side, never against the rules."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdcp_dagster.domain.name_proposals import propose
from pdcp_dagster.domain.name_sides import told_sides
from pdcp_dagster.domain.tg263 import broken_rule


@pytest.mark.parametrize(
    ("name", "proposal"),
    [
        ("Lung_L", "Lung_L"),
        ("Lt Lung", "Lung_L"),
        ("RT LUNG", "Lung_R"),
        ("lung_total", "Lungs"),
        ("Lung L+R", "Lungs"),
        ("Kidneys l+r", "Kidneys"),
        ("Lunge links", "Lung_L"),
        ("Oesopagus", "Esophagus"),
        ("lt kidny", "Kidney_L"),
        ("Optic Nerve Left", "OpticNrv_L"),
        ("FemoralHead_R", "Femur_Head_R"),
        ("SpinalCord PRV 5", "SpinalCord_PRV05"),
        ("optic nerve prv3 lt", None),
        ("LAD", "A_LAD"),
        ("ptv 5040", "PTV_5040"),
        ("PTV 5040 cGy", "PTV_5040"),
        ("PTV50Gy", "PTV_50Gy"),
        ("ctvn1", "CTVn1"),
        ("gtv p", "GTVp"),
        ("PTV L", None),
        ("Liner", None),
        ("ROI-1", None),
        ("Unknown_structure__10_", None),
        ("couch surface", None),
        ("left", None),
        ("", None),
        ("heart " * 20, None),
    ],
)
def test_what_is_near_a_standard_name_is_proposed(name: str, proposal: str | None) -> None:
    found = propose(name)
    assert (found.standard_name if found else None) == proposal
    assert found is None or found.because


words = st.sampled_from(
    ("l", "rt", "LEFT", "Right", "lung", "kidny", "oesophagus", "ptv", "50", "prv", "3", "+", "lad", "lul")
)


@settings(max_examples=200, deadline=None)
@given(st.lists(words, max_size=4).map(" ".join) | st.text(max_size=40))
def test_no_proposal_breaks_a_rule_or_turns_or_loses_a_side(name: str) -> None:
    found = propose(name)
    if found is not None:
        told, kept = told_sides(name), told_sides(found.standard_name)
        assert broken_rule(found.standard_name) is None
        assert not told or told == kept or (len(told) == 2 and not kept)


@pytest.mark.parametrize("name", ["rkidney", "KIDNEYR", "FEMUR_HEADL", "LUNGL"])
def test_nothing_is_proposed_where_a_stray_letter_may_be_the_side(name: str) -> None:
    assert propose(name) is None
