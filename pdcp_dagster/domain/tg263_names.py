"""Organs that AAPM TG-263 has names for, as far as this list goes.

What lives here: the commoner base names, without side, written down by us; a name that is not among them may well be
one of TG-263's, so that this list warns and never refuses. What does not: how a name is written (`tg263`).
"""

from __future__ import annotations

import re

from pdcp_dagster.domain.tg263 import base_of, is_for_evaluation, is_target_name

_LISTED = """
    A_Aorta A_Aorta_Asc A_Aorta_Desc A_Axillary A_Basilar A_Brachiocephls A_Carotid A_Carotid_Int A_Celiac
    A_Coronary A_Femoral A_Hepatic A_Iliac A_Iliac_Cm A_Iliac_Ext A_Iliac_Int A_LAD A_LCX A_Mesenteric A_Pulmonary
    A_Renal A_Subclavian A_Vertebral Acetabulum Anus Appendix Arytenoid Atrium Bag_Bowel Bag_Ostomy BileDuct_Common
    Bladder Bladder_Wall Body Bolus Bone BoneMarrow BoneMarrow_Act Bone_Hyoid Bone_Ilium Bone_Ischium Bone_Mandible
    Bone_Pelvic Bone_Sacrum Boost Bowel Bowel_Bag Bowel_Large Bowel_Small BrachialPlex Brain Brainstem
    Brainstem_Core Brainstem_Surf Breast Breasts BronchialTree Bronchus Buccal_Mucosa CN Canal_Anal Carina
    Cartlg_Thyroid CaudaEquina Cavernosum Cavity_Nasal Cavity_Oral Cecum Cerebellum Cerebrum Cervix Chestwall
    Choroid Cist_Pontine Clavicle Cochlea Colon Colon_Ascending Colon_Decending Colon_Sigmoid Colon_Transverse
    Cornea CribriformPlate Cricoid Cricopharyngeus Dens Diaphragm Duodenum Ear_External Ear_Internal Ear_Middle
    Elbow Epididymis Epiglottis Esophagus Ethmoid External Eye Eyes FallopianTube Falx Femur Femur_Head
    Femur_HeadNeck Femur_Neck Femur_Shaft Femurs Fibula Foramen_Magnum GallBladder Genitals Glnd_Adrenal
    Glnd_Lacrimal Glnd_Subling Glnd_Submand Glnd_Submands Glnd_Thymus Glnd_Thyroid Glottis GreatVes GrowthPlate
    Hardpalate Heart Hemisphere Hippocampi Hippocampus Humerus Humerus_Head Hypothalmus Ileum Implant
    InternalAuditory Jejunum Joint_Elbow Joint_Glenohum Joint_Hip Joint_TM Kidney Kidney_Cortex Kidney_Hilum
    Kidney_Pelvis Kidneys Knee Larynx Larynx_SG Leg Lens Lenses Lip_Lower Lip_Upper Lips Liver Lobe_Frontal
    Lobe_Occipital Lobe_Parietal Lobe_Temporal Lung Lungs Malleus Mandible Maxilla Mediastinum Mesentery Musc
    Musc_Constrict Musc_Digastric Musc_Iliopsoas Musc_Masseter Musc_Platysma Musc_Pterygoid Musc_Sclmast
    Musc_Temporal Musc_Trapezius Nasalconcha Nasopharynx Nipple Nose Nrv_Brachial Nrv_Peripheral Nrv_Root
    OpticChiasm OpticNrv OpticNrvs OpticTract Orbit Oropharynx Ovaries Ovary Pacemaker Palate_Hard Palate_Soft
    Pancreas Pancreas_Head Pancreas_Tail Parametrium Parotid Parotids Patella Pelvis PenileBulb Penis Pericardium
    Perineum Peritoneum Pharynx Pineal Pituitary Pons Prostate ProstateBed Prosthesis PubicSymphys Pulm_Trunk Radius
    Rectum Rectum_Wall Retina Retinas Rib Ribs SacralPlex Sacrum Scalp Scapula Scar Scar_Boost Sclera Scrotum
    SeminalVes Seroma Shoulder Sigmoid Sinus_Ethmoid Sinus_Frontal Sinus_Maxilry Sinus_Sphenoid Skin Skull Spc_Bowel
    Spc_Bowel_Small Spc_Retrophar Spc_Retrostyl SpinalCanal SpinalCord SpinalCord_Cerv SpinalCord_Lum SpinalCord_Sac
    SpinalCord_Thor Spleen Spleen_Hilum Spongiosum Sternum Stomach Stomach_Wall SurgicalBed Testis Thalamus Thecal_Sac
    Thymus
    Thyroid Tongue Tongue_All Tongue_Base Tongue_Oral Tonsil Trachea Ureter Ureters Urethra Urethra_Prostatc Uterus
    VB VBs V_Azygos V_Brachioceph V_CavaInferior V_CavaSuperior V_Hepatic V_Iliac V_Jugular V_Jugular_Ext
    V_Jugular_Int V_Portal V_Pulmonary V_Renal V_Subclavian Vagina Valve Valve_Aortic Valve_Mitral Valve_Pulmonic
    Valve_Tricuspid Ventricle VocalCord VocalCords Vomer Vulva
"""
BASE_NAMES: frozenset[str] = frozenset(_LISTED.split())
_FAMILIES = re.compile(
    r"VBs?_[CTLS]\d{0,2}|CN_[IVX]+|LN(_\w+)?|Rib\d\d|Lobe_\w+|Dose_\S+|E|E_Ev\w+|Ring|Avoid|Air|Bolus\w*"
)
"""Base names that count on, and names of what is no organ."""


def unknown_base(name: str) -> str | None:
    """Return the base of a well-written name where it is not in our list; None where it is, and for targets."""
    if is_target_name(name) or not is_for_evaluation(name):
        return None
    base = base_of(name)
    return None if base in BASE_NAMES or _FAMILIES.fullmatch(base) else base
