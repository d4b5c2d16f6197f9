"""A configuration of the original PDCP becomes a cohort of the same meaning, and whatever it loses is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.legacy_config import DOCUMENTED_NAMES, KEYS, ImportedCohort, cohort_name, import_config

PASSWORD = "never-to-be-seen"
ALL_FIVE = ["CT", "RTSTRUCT", "RTDOSE", "RTPLAN", "PT"]
LOWER, UPPER = "suspicious_max_dose_lower_bound", "suspicious_max_dose_upper_bound"
REQUIRED, SUMMARISED = "required_modalities_for_patient", "required_modalities_for_patient_plus_rtplan"


def a_config(**changes: Any) -> dict[str, Any]:
    """The form of the original's breast example: all 20 keys; a change to `...` leaves a key out."""
    config: dict[str, Any] = {
        "version": "breast cohort 0.0.3",
        REQUIRED: ["CT", "RTSTRUCT", "RTDOSE", "RTPLAN"],
        SUMMARISED: ALL_FIVE,
        "study_desc_should_not_contain": ["lung", "head", "prostate", "rectum"],
        "study_desc_may_contain": ["breast"],
        "possibilities": ["ctv", "heart"],
        "imagesummaries": "../summaries/",
        "patientnotesdir": "../notes/",
        "datadirectory": "../data/",
        "matlabfiles": "../matlab/",
        "picklefiles": "../pickle/",
        "thequarantine": "../quarantine/",
        "link_to_ids": "D:/pdcp/ids/ids_all.csv",
        "ipport": "http://10.1.2.3:8042",
        "username": "",
        "password": "",
        "CONNECTIONS": 30,
        "TIMEOUT": 2500,
        LOWER: 38,
        UPPER: 120,
        **changes,
    }
    return {key: value for key, value in config.items() if value is not ...}


def cohort_of(imported: ImportedCohort) -> Cohort:
    return Cohort.model_validate(imported.content)


def told(imported: ImportedCohort, key: str) -> str:
    return " | ".join(str(remark) for remark in imported.remarks if key in remark.keys)


@pytest.mark.parametrize(
    ("required", "linkage", "fallback_links"),
    [
        (["CT", "RTSTRUCT", "RTDOSE", "RTPLAN"], "CRDP", "review"),
        (["CT", "RTSTRUCT", "RTDOSE"], "CRD", "accept"),
        (["CT", "RTSTRUCT"], "CR", "review"),
    ],
)
def test_each_of_the_three_forms_is_the_cohort_it_describes(
    required: list[str], linkage: str, fallback_links: str
) -> None:
    cohort = cohort_of(import_config(a_config(**{REQUIRED: required}), "breast"))
    assert (cohort.name, cohort.version) == ("breast", "breast cohort 0.0.3")
    assert (cohort.linkage, cohort.fallback_links) == (linkage, fallback_links)
    assert cohort.summarised_modalities == ("CT", "RTSTRUCT", "RTDOSE", "RTPLAN", "PT")
    assert cohort.roi_keywords == ("ctv", "heart")
    assert cohort.roi_keywords_exclude == ()
    words = cohort.study_description
    assert (words.exclude, words.match) == (("lung", "head", "prostate", "rectum"), "substring")
    assert (cohort.phantom.words, cohort.phantom.scope) == (("phantom",), "study")
    sizes = cohort.ct_instances
    assert (sizes.minimum, sizes.review_above, sizes.maximum, sizes.action) == (50, 380, 500, "exclude")
    bounds = cohort.dose_max_gy
    assert (bounds.minimum, bounds.maximum, bounds.action) == (38, 120, "exclude")
    assert [rule.name for rule in cohort.study_selection] == ["review"]
    assert cohort.eligibility.study_must_contain == ()
    assert (cohort.partition_key, cohort.patients) == ("patient_id", "all")


def test_what_the_documentation_shows_is_a_cohort_without_dose_bounds() -> None:
    config = a_config(**{LOWER: ..., UPPER: ..., SUMMARISED: ..., "datadirectory": ..., "thequarantine": ...})
    imported = import_config({**config, "datadictionary": "../data/", "quarantine": "../quarantine/"}, "breast")
    assert (cohort_of(imported).dose_max_gy.minimum, cohort_of(imported).dose_max_gy.maximum) == (None, None)
    assert "no such bound" in told(imported, LOWER)
    assert "no such bound" in told(imported, UPPER)
    assert "read as datadirectory" in told(imported, "datadictionary")
    assert "store" in told(imported, "datadirectory")


CARRIED = {
    "version": "version",
    REQUIRED: "linkage",
    SUMMARISED: "summarised_modalities",
    "study_desc_should_not_contain": "study_description",
    "possibilities": "roi_keywords",
    LOWER: "dose_max_gy",
    UPPER: "dose_max_gy",
}
CHANGED = {
    "version": "another",
    REQUIRED: ["CT", "RTSTRUCT"],
    SUMMARISED: ["CT", "RTSTRUCT", "RTDOSE", "RTPLAN"],
    "study_desc_should_not_contain": ["lung"],
    "possibilities": ["gtv"],
    LOWER: 40,
    UPPER: 90,
}
TOLD = {
    "study_desc_may_contain": "study_selection",
    "imagesummaries": "PDCP_STORE",
    "patientnotesdir": "PDCP_STORE",
    "datadirectory": "PDCP_STORE",
    "thequarantine": "PDCP_STORE",
    "matlabfiles": "never wrote",
    "picklefiles": "never wrote",
    "link_to_ids": "patients is `all`",
    "ipport": "ORTHANC_URL=http://10.1.2.3:8042",
    "username": "ORTHANC_USERNAME",
    "password": "ORTHANC_PASSWORD",
    "CONNECTIONS": "ORTHANC_CONNECTIONS (PDCP: 30) only if the default of 8",
    "TIMEOUT": "ORTHANC_TIMEOUT (PDCP: 2500)",
}


def test_the_tables_below_hold_all_twenty_keys() -> None:
    assert len(KEYS) == 20
    assert {*CARRIED, *TOLD} == {*KEYS} == {*a_config()}


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_carried_over_or_told_of(key: str) -> None:
    before = import_config(a_config(username="ada", password=PASSWORD), "breast")
    if key in CARRIED:
        after = import_config(a_config(**{key: CHANGED[key]}), "breast")
        assert after.content[CARRIED[key]] != before.content[CARRIED[key]]
    else:
        assert TOLD[key] in told(before, key)


@pytest.mark.parametrize("key", KEYS)
def test_no_key_is_needed(key: str) -> None:
    imported = import_config(a_config(**{key: ...}), "breast")
    assert cohort_of(imported).name == "breast"
    assert told(imported, key) or key in TOLD


def test_an_empty_configuration_is_a_cohort_that_sets_nothing_aside_by_words_or_dose() -> None:
    cohort = cohort_of(import_config({}, "breast"))
    assert (cohort.linkage, cohort.roi_keywords, cohort.study_description.exclude) == ("CRDP", (), ())
    assert (cohort.dose_max_gy.minimum, cohort.dose_max_gy.maximum) == (None, None)


def test_a_password_is_told_of_and_never_repeated() -> None:
    imported = import_config(a_config(username="ada-the-secret", password=PASSWORD), "breast")
    assert PASSWORD not in repr(imported)
    assert "ada-the-secret" not in repr(imported)
    assert "there was one" in told(imported, "password")


def test_a_password_without_a_user_name_was_not_used_by_pdcp_either() -> None:
    assert "did not use it" in told(import_config(a_config(password=PASSWORD), "breast"), "password")


@pytest.mark.parametrize(
    "address", [f"http://ada:{PASSWORD}@10.1.2.3:8042", f"http://10.1.2.3/{PASSWORD}", [PASSWORD], "10.1.2.3:8042"]
)
def test_an_address_that_may_hold_a_password_is_not_repeated(address: object) -> None:
    imported = import_config(a_config(ipport=address), "breast")
    assert PASSWORD not in repr(imported)
    assert "ORTHANC_URL to the server's address" in told(imported, "ipport")


def test_an_https_server_is_told_that_its_certificate_counts_now() -> None:
    assert "ORTHANC_CA_BUNDLE" in told(import_config(a_config(ipport="https://pacs:8042"), "breast"), "ipport")


def test_a_keyword_with_a_capital_finds_more_than_in_pdcp_and_this_is_told() -> None:
    imported = import_config(a_config(possibilities=["PTV", "ctv", "ptv"]), "breast")
    assert cohort_of(imported).roi_keywords == ("ptv", "ctv")
    assert "found nowhere" in told(imported, "possibilities")
    assert not told(import_config(a_config(possibilities=["ptv"]), "breast"), "possibilities")


def test_words_of_a_wanted_study_are_offered_as_a_rule_and_do_nothing_by_themselves() -> None:
    imported = import_config(a_config(study_desc_may_contain=["breast", "mamma"]), "breast")
    rule = imported.alternatives["study_selection"]
    assert rule == [{"description_prefers": ["breast", "mamma"]}, "review"]
    assert Cohort.model_validate({**imported.content, "study_selection": rule}).study_selection[0].words == (
        "breast",
        "mamma",
    )


@pytest.mark.parametrize("path", ["../ids/ids_all.csv", "D:\\pdcp\\ids\\ids_all.csv", "ids_all.csv"])
def test_the_list_of_patients_is_offered_by_its_name_alone(path: str) -> None:
    imported = import_config(a_config(link_to_ids=path), "breast")
    assert (imported.content["patients"], imported.alternatives["patients"]) == ("all", "ids_all.csv")


def test_a_fallback_that_needs_no_person_is_explained() -> None:
    imported = import_config(a_config(**{REQUIRED: ["CT", "RTSTRUCT", "RTDOSE"]}), "hn")
    assert "took every PLAN dose of the study" in told(imported, REQUIRED)


@pytest.mark.parametrize(
    ("required", "linkage", "must_contain", "said"),
    [
        (["CT", "RTSTRUCT", "RTPLAN"], "CRDP", (), "the closest; it also needs RTDOSE"),
        (["CT", "RTDOSE"], "CRD", (), "the closest; it also needs RTSTRUCT"),
        (["CT"], "CR", (), "the closest; it also needs RTSTRUCT"),
        ([], "CRDP", (), "--linkage takes another"),
        (["CT", "RTSTRUCT", "RTDOSE", "PT"], "CRD", ("PT",), "PT cannot be linked"),
        (["PT"], "CRDP", ("PT",), "--linkage takes another"),
        (["ct", "rtstruct"], "CR", (), "read as CT, RTSTRUCT"),
        ("CT, RTSTRUCT", "CR", (), "separated by commas"),
    ],
)
def test_required_modalities_of_another_form_take_the_smallest_linkage_that_asks_for_all(
    required: object, linkage: str, must_contain: tuple[str, ...], said: str
) -> None:
    imported = import_config(a_config(**{REQUIRED: required, SUMMARISED: ["CT"]}), "breast")
    cohort = cohort_of(imported)
    assert (cohort.linkage, cohort.eligibility.study_must_contain) == (linkage, must_contain)
    assert {*cohort.required_modalities, *must_contain} == {*cohort.summarised_modalities}
    assert said in told(imported, REQUIRED)


def test_a_linkage_that_was_asked_for_wins_and_what_it_does_not_need_is_told() -> None:
    imported = import_config(a_config(), "breast", linkage="CR")
    assert cohort_of(imported).linkage == "CR"
    assert "as was asked for; it does not need RTDOSE, RTPLAN" in told(imported, REQUIRED)
    with pytest.raises(ValueError, match="CRX is no linkage"):
        import_config(a_config(), "breast", linkage="CRX")


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        ("38", "120", (38, 120)),
        ("38,5 Gy", " 120Gy ", (38.5, 120)),
        (0, 120.5, (0, 120.5)),
        (-1, 120, (None, 120)),
        (120, 38, (None, None)),
        (True, None, (None, None)),
        (float("nan"), float("inf"), (None, None)),
        ([38], {"Gy": 120}, (None, None)),
        pytest.param(10**5000, "1e3", (None, None), id="thousands of digits"),
    ],
)
def test_a_dose_bound_is_used_where_its_meaning_is_clear_and_told_of_always(
    lower: object, upper: object, expected: tuple[float | None, float | None]
) -> None:
    imported = import_config(a_config(**{LOWER: lower, UPPER: upper}), "breast")
    bounds = cohort_of(imported).dose_max_gy
    assert (bounds.minimum, bounds.maximum, bounds.action) == (*expected, "exclude")
    assert told(imported, LOWER)
    assert told(imported, UPPER)


@pytest.mark.parametrize(
    ("given_words", "kept"),
    [
        ("lung", ("lung",)),
        ("lung; head,neck", ("lung", "head", "neck")),
        (["lung", 4, 2.5, True, None, [], {"a": 1}], ("lung", "4", "2.5")),
        (["lung\nhead", "a\x00b", "\ud800", "", "head"], ("head",)),
        (["x" * 257, "head", "head"], ("head",)),
        (7, ()),
        ({"lung": 1}, ()),
    ],
)
def test_words_are_used_where_their_meaning_is_clear_and_what_is_left_out_is_told(
    given_words: object, kept: tuple[str, ...]
) -> None:
    imported = import_config(a_config(study_desc_should_not_contain=given_words), "breast")
    assert cohort_of(imported).study_description.exclude == kept
    assert told(imported, "study_desc_should_not_contain")


def test_a_configuration_without_keywords_takes_every_structure_set_which_pdcp_did_not() -> None:
    imported = import_config(a_config(possibilities=[]), "breast")
    assert cohort_of(imported).roi_keywords == ()
    assert "in PDCP none did" in told(imported, "possibilities")


def test_keys_that_are_unknown_or_doubled_are_told_by_name_alone() -> None:
    imported = import_config(a_config(pwd=PASSWORD, quarantine="../q/"), "breast", doubled=("TIMEOUT",))
    assert "no such key" in told(imported, "pwd")
    assert "has thequarantine" in told(imported, "quarantine")
    assert "the last one counts" in told(imported, "TIMEOUT")
    assert PASSWORD not in repr(imported)


def test_a_thousand_unknown_keys_are_one_remark() -> None:
    (remark,) = [
        remark
        for remark in import_config(a_config(**{f"key\n{n}": 1 for n in range(1000)}), "breast").remarks
        if "no such key" in remark.said
    ]
    assert remark.keys[0] == "key 0"
    assert remark.keys[-1] == "and 980 more"


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(config=st.fixed_dictionaries({}, optional=dict.fromkeys((*KEYS, *DOCUMENTED_NAMES, "x"), JUNK)))
def test_whatever_a_configuration_holds_comes_out_as_a_cohort_and_remarks_of_one_printable_line(
    config: dict[str, Any],
) -> None:
    imported = import_config(config, "breast")
    cohort = cohort_of(imported)
    assert (cohort.name, cohort.study_description.match, cohort.phantom.scope) == ("breast", "substring", "study")
    assert all(str(remark).isprintable() for remark in imported.remarks)
    assert Cohort.model_validate({**imported.content, **imported.alternatives})


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("codesconfig_HN", "hn"),
        ("codesconfig_test", "test"),
        ("codesconfig_breast", "breast"),
        ("CodesConfig-Breast 2020 (copy)", "breast_2020_copy"),
        ("lung", "lung"),
        ("configuration", "configuration"),
        ("codesconfig", "imported"),
        ("codesconfig_", "imported"),
        ("\u00fc", "imported"),
        ("2020_lung", "cohort_2020_lung"),
        ("codesconfig_con", "cohort_con"),
    ],
)
def test_a_cohort_is_called_after_its_configuration(stem: str, name: str) -> None:
    assert cohort_name(stem) == name


@given(stem=st.text())
def test_any_file_name_gives_a_name_that_a_cohort_can_have(stem: str) -> None:
    assert Cohort(name=cohort_name(stem))
    assert Cohort(name=cohort_name(f"A{stem}" * 40))


@pytest.mark.parametrize("name", ["Breast", "a/b", "", "con", "a\n"])
def test_a_name_that_no_cohort_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        import_config(a_config(), name)
