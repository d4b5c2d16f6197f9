"""What an RTPLAN says, as plain values.

What lives here: the plan's identity, prescription, fractions, beams, and how it treats. What does not: whether a dose
may be used with it (`dose`), or which plan belongs to which patient (`linkage`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt

    from pdcp_dagster.domain.volume import Vector


@dataclass(frozen=True, slots=True)
class DoseReference:
    """One item of Dose Reference Sequence (PS3.3 C.8.8.10)."""

    number: int
    structure_type: str | None
    """POINT, VOLUME, COORDINATES or SITE."""
    reference_type: str | None
    """TARGET or ORGAN_AT_RISK."""
    roi_number: int | None
    prescription_gy: float | None
    """TargetPrescriptionDose, Gy."""
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Beam:
    """One item of Beam Sequence, or of Ion Beam Sequence."""

    number: int
    name: str | None
    radiation_type: str | None
    beam_type: str | None
    """STATIC or DYNAMIC."""
    delivery_type: str | None
    """TreatmentDeliveryType: TREATMENT, SETUP, ..."""
    machine: str | None
    energies: tuple[float, ...] = ()
    """NominalBeamEnergy, each once: MV of photons, MeV of electrons, MeV per nucleon of ions."""
    isocentre_mm: Vector | None = None
    gantry_rotates: bool = False
    """Whether the gantry turns while the beam is on."""
    scan_mode: str | None = None
    """ScanMode of an ion beam: NONE, UNIFORM, MODULATED, MODULATED_SPEC."""

    @property
    def treats(self) -> bool:
        """Whether it is a treatment beam, as one without TreatmentDeliveryType (type 3, PS3.3 C.8.8.14) is."""
        return self.delivery_type in {None, "", "TREATMENT"}

    @property
    def technique(self) -> str | None:
        """BeamType, with ARC where the gantry turns, and the scan mode of an ion beam; None where nothing is said."""
        arc = "ARC" if self.gantry_rotates else None
        scan = self.scan_mode if self.scan_mode != "NONE" else None
        return " ".join(filter(None, (self.beam_type, arc, scan))) or None


@dataclass(frozen=True, slots=True)
class Brachytherapy:
    """What a plan with application setups says of them (PS3.3 C.8.8.15)."""

    treatment_type: str | None = None
    """BrachyTreatmentType: MANUAL, HDR, MDR, LDR or PDR."""
    technique: str | None = None
    """BrachyTreatmentTechnique: INTRALUMENARY, INTRACAVITARY, INTERSTITIAL, ..."""
    machine: str | None = None


@dataclass(frozen=True, slots=True)
class FractionGroup:
    """One item of Fraction Group Sequence (PS3.3 C.8.8.13)."""

    number: int
    fractions_planned: int | None
    beam_doses_gy: tuple[tuple[int, float], ...] = ()
    """(beam number, BeamDose in Gy)."""
    beam_metersets: tuple[tuple[int, float], ...] = ()
    beams: tuple[int, ...] = ()
    """Numbers of its beams."""


@dataclass(frozen=True, slots=True)
class RtPlan:
    """One RTPLAN instance."""

    sop_instance_uid: str
    label: str | None = None
    name: str | None = None
    date: dt.date | None = None
    intent: str | None = None
    """PlanIntent; None is unknown, never curative."""
    approval_status: str | None = None
    sop_class: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    software_versions: str | None = None
    structure_set_uids: tuple[str, ...] = ()
    dose_references: tuple[DoseReference, ...] = ()
    beams: tuple[Beam, ...] = ()
    fraction_groups: tuple[FractionGroup, ...] = ()
    brachytherapy: Brachytherapy | None = None
    """None of a plan with external beams."""

    @property
    def fractions_planned(self) -> int | None:
        """Fractions of all groups together; None where there is no group, or one does not say."""
        planned = [group.fractions_planned for group in self.fraction_groups if group.fractions_planned]
        return sum(planned) if planned and len(planned) == len(self.fraction_groups) else None
