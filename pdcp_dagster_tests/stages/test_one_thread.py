"""A patient's linear algebra runs in one thread, whatever the process was given."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from pdcp_dagster.stages.one_thread import in_one_thread


def threads() -> set[int]:
    assert np.ones((2, 2)).dot(np.ones(2)).tolist() == [2, 2]
    return {int(pool["num_threads"]) for pool in threadpool_info()}


@pytest.mark.parametrize("given", [1, 2])
def test_while_it_lasts_there_is_one_thread_and_then_as_many_as_before(given: int) -> None:
    with threadpool_limits(limits=given):
        before = threads()
        with in_one_thread():
            assert threads() == {1}
        assert threads() == before
