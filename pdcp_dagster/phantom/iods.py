"""What PS3.3 requires of the objects of a radiotherapy patient, as tables.

What lives here: the required attributes of the CT Image, RT Structure Set, RT Plan, RT Dose and PET Image IODs (PS3.3
A.3, A.19.3, A.20.3, A.18.3, A.21.3), written down independently of the modules that make the objects. What does not:
the check (`conformance`).

A requirement is a keyword with its type: 1 (there and with a value) or 2 (there, perhaps empty). A keyword that maps to
another table is a sequence of type 1 whose every item must fulfil that table. Conditional attributes (1C, 2C) stand as
1 or 2 where these objects always meet the condition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Table: TypeAlias = "Mapping[str, int | Table]"

_REFERENCE: Table = {"ReferencedSOPClassUID": 1, "ReferencedSOPInstanceUID": 1}
FILE_META: Table = {
    "FileMetaInformationVersion": 1,
    "MediaStorageSOPClassUID": 1,
    "MediaStorageSOPInstanceUID": 1,
    "TransferSyntaxUID": 1,
    "ImplementationClassUID": 1,
}
EVERY_OBJECT: Table = {
    "SpecificCharacterSet": 1,
    "SOPClassUID": 1,
    "SOPInstanceUID": 1,
    "PatientName": 2,
    "PatientID": 2,
    "PatientBirthDate": 2,
    "PatientSex": 2,
    "StudyInstanceUID": 1,
    "StudyDate": 2,
    "StudyTime": 2,
    "ReferringPhysicianName": 2,
    "StudyID": 2,
    "AccessionNumber": 2,
    "Modality": 1,
    "SeriesInstanceUID": 1,
    "SeriesNumber": 2,
    "Manufacturer": 2,
    "FrameOfReferenceUID": 1,
    "PositionReferenceIndicator": 2,
    "InstanceNumber": 2,
}
_IMAGE: Table = {
    "PixelSpacing": 1,
    "ImageOrientationPatient": 1,
    "ImagePositionPatient": 1,
    "SliceThickness": 2,
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": 1,
    "Rows": 1,
    "Columns": 1,
    "BitsAllocated": 1,
    "BitsStored": 1,
    "HighBit": 1,
    "PixelRepresentation": 1,
    "PixelData": 1,
}
_CT: Table = {
    **_IMAGE,
    "ImageType": 1,
    "RescaleIntercept": 1,
    "RescaleSlope": 1,
    "KVP": 2,
    "AcquisitionNumber": 2,
    "PatientPosition": 2,
}
CONTOUR: Table = {"ContourGeometricType": 1, "NumberOfContourPoints": 1, "ContourData": 1}
_RTSTRUCT: Table = {
    "ApprovalStatus": 1,
    "OperatorsName": 2,
    "StructureSetLabel": 1,
    "StructureSetDate": 2,
    "StructureSetTime": 2,
    "ReferencedFrameOfReferenceSequence": {
        "FrameOfReferenceUID": 1,
        "RTReferencedStudySequence": {
            **_REFERENCE,
            "RTReferencedSeriesSequence": {"SeriesInstanceUID": 1, "ContourImageSequence": _REFERENCE},
        },
    },
    "StructureSetROISequence": {
        "ROINumber": 1,
        "ReferencedFrameOfReferenceUID": 1,
        "ROIName": 2,
        "ROIGenerationAlgorithm": 2,
    },
    "ROIContourSequence": {"ReferencedROINumber": 1},
    "RTROIObservationsSequence": {
        "ObservationNumber": 1,
        "ReferencedROINumber": 1,
        "RTROIInterpretedType": 2,
        "ROIInterpreter": 2,
    },
}
_CONTROL_POINT: Table = {"ControlPointIndex": 1, "CumulativeMetersetWeight": 2}
FIRST_CONTROL_POINT: Table = {
    "BeamLimitingDevicePositionSequence": {"RTBeamLimitingDeviceType": 1, "LeafJawPositions": 1},
    "GantryAngle": 1,
    "GantryRotationDirection": 1,
    "BeamLimitingDeviceAngle": 1,
    "BeamLimitingDeviceRotationDirection": 1,
    "PatientSupportAngle": 1,
    "PatientSupportRotationDirection": 1,
    "TableTopEccentricAngle": 1,
    "TableTopEccentricRotationDirection": 1,
    "TableTopPitchAngle": 1,
    "TableTopPitchRotationDirection": 1,
    "TableTopRollAngle": 1,
    "TableTopRollRotationDirection": 1,
    "TableTopVerticalPosition": 2,
    "TableTopLongitudinalPosition": 2,
    "TableTopLateralPosition": 2,
    "IsocenterPosition": 2,
}
_RTPLAN: Table = {
    "OperatorsName": 2,
    "RTPlanLabel": 1,
    "RTPlanDate": 2,
    "RTPlanTime": 2,
    "RTPlanGeometry": 1,
    "ReferencedStructureSetSequence": _REFERENCE,
    "DoseReferenceSequence": {"DoseReferenceNumber": 1, "DoseReferenceStructureType": 1, "DoseReferenceType": 1},
    "PatientSetupSequence": {"PatientSetupNumber": 1, "PatientPosition": 1},
    "FractionGroupSequence": {
        "FractionGroupNumber": 1,
        "NumberOfFractionsPlanned": 2,
        "NumberOfBeams": 1,
        "NumberOfBrachyApplicationSetups": 1,
        "ReferencedBeamSequence": {"ReferencedBeamNumber": 1},
    },
    "BeamSequence": {
        "BeamNumber": 1,
        "BeamType": 1,
        "RadiationType": 2,
        "TreatmentMachineName": 2,
        "BeamLimitingDeviceSequence": {"RTBeamLimitingDeviceType": 1, "NumberOfLeafJawPairs": 1},
        "NumberOfWedges": 1,
        "NumberOfCompensators": 1,
        "NumberOfBoli": 1,
        "NumberOfBlocks": 1,
        "FinalCumulativeMetersetWeight": 1,
        "NumberOfControlPoints": 1,
        "ControlPointSequence": _CONTROL_POINT,
    },
}
_RTDOSE: Table = {
    **_IMAGE,
    "OperatorsName": 2,
    "NumberOfFrames": 1,
    "FrameIncrementPointer": 1,
    "GridFrameOffsetVector": 1,
    "DoseUnits": 1,
    "DoseType": 1,
    "DoseSummationType": 1,
    "DoseGridScaling": 1,
    "ReferencedRTPlanSequence": _REFERENCE,
}
_CODE: Table = {"CodeValue": 1, "CodingSchemeDesignator": 1, "CodeMeaning": 1}
_PT: Table = {
    **_IMAGE,
    "ImageType": 1,
    "RescaleIntercept": 1,
    "RescaleSlope": 1,
    "SeriesDate": 1,
    "SeriesTime": 1,
    "AcquisitionDate": 2,
    "AcquisitionTime": 2,
    "Units": 1,
    "CountsSource": 1,
    "SeriesType": 1,
    "NumberOfSlices": 1,
    "CorrectedImage": 2,
    "DecayCorrection": 1,
    "DecayFactor": 1,
    "CollimatorType": 2,
    "RadiopharmaceuticalInformationSequence": {"RadionuclideCodeSequence": _CODE},
    "PatientOrientationCodeSequence": {**_CODE, "PatientOrientationModifierCodeSequence": _CODE},
    "PatientGantryRelationshipCodeSequence": _CODE,
    "FrameReferenceTime": 1,
    "ActualFrameDuration": 2,
    "ImageIndex": 1,
}
REQUIRED: Mapping[str, Table] = {"CT": _CT, "RTSTRUCT": _RTSTRUCT, "RTPLAN": _RTPLAN, "RTDOSE": _RTDOSE, "PT": _PT}
REVIEWED: Table = {"ReviewDate": 2, "ReviewTime": 2, "ReviewerName": 2}
