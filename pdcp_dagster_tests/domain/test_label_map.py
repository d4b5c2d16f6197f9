"""Laws of label maps: each bit is one mask, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdcp_dagster.domain.label_map import BITS, label_planes, pack_mask
from pdcp_dagster.domain.masks import MaskCrop
from pdcp_dagster.domain.volume import Grid

GRID = Grid((0, 0, 0), (1, 1, 3), ((1, 0, 0), (0, 1, 0), (0, 0, 1)), (13, 11, 7))


def crop(seed: int) -> MaskCrop:
    """A crop of any place and size, of random voxels."""
    random = np.random.default_rng(seed)
    low = [int(random.integers(0, size)) for size in GRID.shape]
    high = [int(random.integers(start + 1, size + 1)) for start, size in zip(low, GRID.shape, strict=True)]
    shape = [end - start for start, end in zip(low, high, strict=True)]
    return MaskCrop(random.integers(0, 2, shape, dtype=np.uint8), (low[0], low[1], low[2]))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(0, BITS))
def test_every_bit_is_its_mask_whatever_overlaps(seed: int, count: int) -> None:
    masks = [crop(seed + n) for n in range(count)]
    volume = np.stack(list(label_planes([pack_mask(mask) for mask in masks], GRID)))
    assert volume.dtype == np.uint32
    for bit, mask in enumerate(masks):
        assert np.array_equal((volume >> np.uint32(bit)) & np.uint32(1), mask.on(GRID))
    assert not (volume >> np.uint64(count)).any()


def test_a_packed_mask_takes_an_eighth() -> None:
    mask = MaskCrop(np.ones((5, 8, 10), dtype=np.uint8), (0, 0, 0))
    assert pack_mask(mask).bits.nbytes == mask.values.nbytes // 8


def test_more_masks_than_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="33 masks do not fit into 32 bits"):
        next(label_planes([pack_mask(crop(n)) for n in range(BITS + 1)], GRID))
