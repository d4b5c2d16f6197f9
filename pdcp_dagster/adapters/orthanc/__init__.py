"""The Orthanc server over its REST API: patients, tags, verified downloads, uploads.

What lives here: one session per server and everything that is peculiar to Orthanc. What does not: what the tags mean
(`domain.summary`), which objects belong together (`domain.linkage`), or where files go (`adapters.store`).
"""

from pdcp_dagster.adapters.orthanc.client import Orthanc
from pdcp_dagster.adapters.orthanc.errors import (
    ObjectDamaged,
    ObjectGone,
    ObjectUnreadable,
    OrthancAnswerError,
    OrthancDenied,
    OrthancError,
    OrthancSettingsError,
    OrthancUnreachable,
)
from pdcp_dagster.adapters.orthanc.listing import PatientListing
from pdcp_dagster.adapters.orthanc.records import (
    ArchivedInstance,
    ArchivedPatient,
    Change,
    ChangePage,
    Downloaded,
)
from pdcp_dagster.adapters.orthanc.settings import OrthancSettings

__all__ = [
    "ArchivedInstance",
    "ArchivedPatient",
    "Change",
    "ChangePage",
    "Downloaded",
    "ObjectDamaged",
    "ObjectGone",
    "ObjectUnreadable",
    "Orthanc",
    "OrthancAnswerError",
    "OrthancDenied",
    "OrthancError",
    "OrthancSettings",
    "OrthancSettingsError",
    "OrthancUnreachable",
    "PatientListing",
]
