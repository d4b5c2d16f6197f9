"""What the DICOM parser says of odd values: never on a terminal or in a log, for it repeats the values.

What lives here: keeping it quiet while a patient is worked on. What does not: what is wrong with an object, which
findings and failures tell.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def without_parser_warnings() -> Iterator[None]:
    """Keep pydicom's warnings quiet in the whole process, its threads included; nobody else's."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pydicom(\.|$)")
        yield
