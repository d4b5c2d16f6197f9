"""What each column of plans.parquet means: planned, not delivered, dose.

What lives here: words. What does not: the table (`domain.plan_rows`).
"""

from pdcp_dagster.defs.columns.described import Columns, date, number, numbers, text, whole

PLANS: Columns = (
    text("plan_uid", "UID of the plan"),
    text("label", "label of the plan"),
    text("name", "name of the plan"),
    date("date", "date of the plan"),
    text("intent", "CURATIVE, PALLIATIVE, VERIFICATION, ...; null where the plan does not say"),
    text("approval_status", "APPROVED, UNAPPROVED or REJECTED"),
    text("sop_class", "kind of plan: photons and electrons, or ions"),
    text("tps", "planning system, model and version"),
    whole("fraction_groups", "number of fraction groups"),
    whole("fractions_planned", "fractions planned in all groups together"),
    number("prescription_gy", "dose prescribed, Gy"),
    text("prescription_source", "where the prescription was found"),
    whole("treatment_beams", "beams that treat"),
    whole("setup_beams", "beams for imaging"),
    text("radiation_type", "PHOTON, ELECTRON, PROTON, BRACHY, ..."),
    numbers("energies", "nominal energies of the beams, MV or MeV"),
    text("technique", "STATIC or DYNAMIC, of brachytherapy its technique"),
    text("machine", "names of the treatment machines"),
    numbers("isocentres_mm", "isocentres: x, y, z, x, y, z, ... in mm, patient coordinates (LPS)"),
    number("meterset", "monitor units of one fraction of each group, setup beams aside"),
    text("dose_uid", "UID of a dose of the plan"),
    text("summation_type", "what the dose is the sum of: PLAN, BEAM, FRACTION, ..."),
    text("dose_type", "PHYSICAL, EFFECTIVE or ERROR"),
    text("dose_units", "GY or RELATIVE"),
    text("heterogeneity_correction", "whether the dose was corrected for tissue"),
    numbers("grid_spacing_mm", "distance of the dose grid's columns, rows and planes, mm"),
    number("maximum_gy", "highest dose of that dose, Gy"),
    text("rtstruct_uid", "UID of the structure set that the plan names"),
    text("verdict", "selected or refused"),
    text("reason", "how a dose counts, or why plan or dose does not, in words"),
)
