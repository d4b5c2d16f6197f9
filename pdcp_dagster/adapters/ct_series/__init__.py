"""From the files of one CT series to a volume in HU.

What lives here: reading CT Image objects, one slice each (PS3.3 A.3) or multi-frame (A.38 Enhanced CT, A.70 Legacy
Converted Enhanced CT), with pydicom: pixels by transfer syntax (`pixels`), what one file holds (`images`), the series
(`series`). What does not: order and regularity of the slices (`domain.stack`), how an uneven stack is interpolated
(`domain.resample_ct`), and what it means for the patient.
"""

from pdcp_dagster.adapters.ct_series.images import CtReadError
from pdcp_dagster.adapters.ct_series.series import CtSeries, read_ct_series, read_ct_slice

__all__ = ["CtReadError", "CtSeries", "read_ct_series", "read_ct_slice"]
