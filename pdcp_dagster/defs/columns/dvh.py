"""What each column of the DVH tables means, those included that a cohort file asks for.

What lives here: words, by the rules that name the columns. What does not: the numbers (`domain.metrics`,
`domain.named_metric`, `domain.eqd2`, `domain.equivalent_dose`, `domain.legacy_dosimetry`, `domain.dvh_comparison`).
"""

from pdcp_dagster.defs.columns.described import Column, Columns, number, numbers, text, texts, whole
from pdcp_dagster.defs.columns.structures import ROI, STANDARD_NAME, STRUCTURE_NAME_MAP
from pdcp_dagster.domain import legacy_dosimetry
from pdcp_dagster.domain.cohort import Cohort
from pdcp_dagster.domain.eqd2 import COLUMNS as EQD2_COLUMNS
from pdcp_dagster.domain.equivalent_dose import geud_columns
from pdcp_dagster.domain.metrics import ABSOLUTE_DOSES_GY, DOSE_CM3, DOSE_PCTS, RELATIVE_DOSES_PCT, parse_metric
from pdcp_dagster.domain.named_metric import Metric

_IDENTITY: Columns = (
    text("patient_id", "PatientID as the archive has it"),
    *ROI,
    STANDARD_NAME,
    STRUCTURE_NAME_MAP,
    text("status", "computed, or no_closed_contour: there is no volume to take doses of"),
)
_PLAIN: Columns = (
    number("volume_cm3", "volume by the contours, cm3"),
    number("dmin_gy", "lowest dose, Gy"),
    number("dmean_gy", "mean dose, Gy"),
    number("dmedian_gy", "median dose, Gy: half of the volume gets at least this"),
    number("dmax_gy", "highest dose, Gy"),
    *(number(f"d{pct}_gy", f"D{pct}: dose that {pct} % of the volume gets at least, Gy") for pct in DOSE_PCTS),
    *(
        number(name, f"dose that the {cm3:g} cm3 with most dose get at least, Gy; null for a smaller ROI")
        for name, cm3 in DOSE_CM3
    ),
    *(number(f"v{gy}gy_pct", f"V{gy}Gy: volume that gets at least {gy} Gy, % of the ROI") for gy in ABSOLUTE_DOSES_GY),
    *(number(f"v{gy}gy_cm3", f"V{gy}Gy: volume that gets at least {gy} Gy, cm3") for gy in ABSOLUTE_DOSES_GY),
)
_PRESCRIBED: Columns = (
    *(
        number(f"v{pct}_pct", f"V{pct}%: volume that gets at least {pct} % of the prescription, % of the ROI")
        for pct in RELATIVE_DOSES_PCT
    ),
    number("hi_icru83", "homogeneity index of a target, (D2 - D98) / D50 (ICRU 83)"),
    number("ci_rtog", "conformity index of a target: prescription isodose volume / target volume (RTOG)"),
    number("ci_paddick", "conformity index of a target after Paddick, 1 at best"),
    number("prescription_gy", "dose prescribed to the ROI, Gy"),
    text("prescription_source", "where the prescription was found: plan_roi, cohort, plan_target, unknown or none"),
)
_CIRCUMSTANCES: Columns = (
    number("dose_coverage", "share of the ROI inside the dose grid, 0 to 1"),
    number("dmean_inside_gy", "mean dose of the part inside the dose grid, Gy"),
    number("dmean_outside_zero_gy", "mean dose if all outside the dose grid got nothing, Gy"),
    text("dose_interpolation", "how doses between the points of the grid were taken"),
    text("end_caps", "what is taken to lie beyond the first and the last contour"),
    texts("flags", "what is odd about it, such as partly_outside_dose_grid or few_dose_voxels"),
    texts("dose_uids", "UIDs of the doses that were summed"),
    numbers("dose_coverage_by_plan", "share of the ROI inside each plan's own dose grid, where several plans count"),
    text("plan_uid", "UID of the plan"),
    text("ct_series_uid", "UID of the CT"),
    text("config_hash", "hash of the cohort file as it was"),
    text("software_version", "version of the program that computed it"),
)
_EQD2 = {
    "alpha_beta_gy": number("alpha_beta_gy", "alpha/beta of the ROI by the cohort file, Gy"),
    "eqd2_fractions": whole("eqd2_fractions", "fractions that EQD2 was computed with"),
}
_TPS_DOSES = (("dmean", "mean dose"), ("d95", "D95"), ("d50", "D50"), ("d2", "D2"))
DVH_CURVES: Columns = (
    *ROI,
    number("dose_gy", "dose, Gy, in steps of 0.1"),
    number("volume_pct", "volume that gets at least this dose, % of the ROI"),
    number("volume_cm3", "the same volume, cm3"),
)
DVH_COMPARISON: Columns = (
    *ROI,
    STANDARD_NAME,
    STRUCTURE_NAME_MAP,
    text("dose_uid", "UID of the dose that the planning system wrote its DVH into"),
    number("tps_volume_cm3", "volume by the planning system, cm3"),
    number("volume_cm3", "volume by this program, cm3"),
    number("volume_difference_pct", "difference of the volumes, % of the planning system's"),
    *(
        number(f"{whose}{name}_gy", f"{words} by {by}, Gy")
        for name, words in _TPS_DOSES
        for whose, by in (("tps_", "the planning system"), ("", "this program"))
    ),
    number("dmean_difference_gy", "difference of the mean doses, Gy"),
    number("tps_stated_dmean", "mean dose as the planning system wrote it, in the unit that it took"),
    number("largest_gap_pct", "largest distance of the two curves, % of the volume"),
    number("largest_gap_at_gy", "dose at which it is, Gy"),
    number("dose_tolerance_gy", "by how much doses may differ, Gy"),
    number("gap_beyond_tolerance_pct", "what is left of the gap if a curve may be shifted by that, % of the volume"),
    text("verdict", "agrees, differs or not compared"),
    text("reason", "what differs, or why it was not compared, in words"),
)


def dvh_columns(cohort: Cohort) -> Columns:
    """Return the columns of dvh.parquet of this cohort, the fixed ones and those that its file asks for."""
    asked = cohort.dvh
    metrics = (parse_metric(written) for written in asked.metrics)
    columns = (
        *(*_IDENTITY, *_PLAIN, *(_named(metric) for metric in metrics), *_PRESCRIBED, *_CIRCUMSTANCES),
        *(_geud(name, a) for a in asked.geud_a for name in geud_columns(None, [a])),
        *(_eqd2(name) for name in (EQD2_COLUMNS if asked.alpha_beta_gy else ())),
        *(_legacy(name) for name in _legacy_names(cohort)),
    )
    # A metric of the cohort file may have a column already, and PDCP's names are ours where they are the same.
    return tuple({column.name: column for column in reversed(columns)}[name] for name in _in_order(columns))


def _in_order(columns: Columns) -> list[str]:
    return list(dict.fromkeys(column.name for column in columns))


def _named(metric: Metric) -> Column:
    at = f"{metric.at:g} " + {"cc": "cm3", "Gy": "Gy", "%": "%"}[metric.at_unit]
    if metric.kind == "D":
        unit = "Gy" if metric.unit == "Gy" else "% of the prescription"
        of = f"{at} of the volume" if metric.at_unit == "%" else f"the {at} with most dose"
        return number(metric.column, f"dose that {of} get at least, {unit} (asked for by the cohort)")
    dose = f"{at} of the prescription" if metric.at_unit == "%" else at
    gets = "gets at least" if metric.kind == "V" else "gets less than"
    unit = "cm3" if metric.unit == "cc" else "% of the ROI"
    return number(metric.column, f"volume that {gets} {dose}, {unit} (asked for by the cohort)")


def _geud(name: str, a: float) -> Column:
    return number(name, f"generalised equivalent uniform dose with a = {a:g}, Gy")


def _eqd2(name: str) -> Column:
    return _EQD2.get(name) or number(name, f"{name[5:-3]} as a dose in fractions of 2 Gy (EQD2), Gy")


def _legacy_names(cohort: Cohort) -> list[str]:
    """Return PDCP's names; of those relative to a prescription, which some patients have none of, all."""
    if cohort.dvh_columns != "legacy":
        return []
    return [name for name in legacy_dosimetry.dosimetry_columns(prescribed=True) if name not in _NOT_ADDED]


_NOT_ADDED = ("patient_id", "roi_name")
_LEGACY_PLAIN = {
    "volume": "volume, cm3",
    "mean_dose": "mean dose, Gy",
    "median_dose": "median dose, Gy",
    "min_dose": "lowest dose, Gy",
    "max_dose": "highest dose, Gy",
}


def _legacy(name: str) -> Column:
    """Return what one of PDCP's columns means here: `VGy_20.0`, `V%_95.0`, `D98.0`."""
    kind, _, at = name.rpartition("_")
    if name in _LEGACY_PLAIN:
        return number(name, f"{_LEGACY_PLAIN[name]} (PDCP's name)")
    if kind == "VGy":
        return number(name, f"volume that gets at least {at} Gy, % of the ROI (PDCP's name)")
    if kind == "V%":
        return number(name, f"volume that gets at least {at} % of the prescription, % of the ROI (PDCP's name)")
    return number(name, f"dose that {name[1:]} % of the volume gets at least, Gy (PDCP's name)")
