"""Own rules of cohorts whose worker processes do not survive them, or nearly."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

EXIT_CODE = 3
VICTIM = "pool-victim"


def ends_the_process(summary: pd.DataFrame) -> None:
    """End the worker, as a crash in a compiled library does."""
    if (summary["patient_id"] == VICTIM).any():
        os._exit(EXIT_CODE)


def stops_the_process(summary: pd.DataFrame) -> None:
    """Stop the worker, as a person does who looks at a busy machine and forgets."""
    if (summary["patient_id"] == VICTIM).any():
        os.kill(os.getpid(), signal.SIGSTOP)


def asks_for_too_much(summary: pd.DataFrame) -> None:
    """Ask for more memory than the worker may have."""
    if (summary["patient_id"] == VICTIM).any():
        np.ones(1 << 32)
