"""`benchmarks/camvid_half.py`, which is not in the package."""

import numpy as np
from scripts import load_script


def test_moved_kernels_are_others_that_16_bits_round_alike():
    script = load_script("camvid_half")
    rng = np.random.default_rng(0)
    stored = rng.normal(0, 0.1, (64, 64)).astype("float16").astype("float32")
    stored[0, :4] = [0.0, 1.0, -2.0, 6e-8]  # at a change of the step, and the smallest there is
    found = script.moved(stored, rng)
    np.testing.assert_array_equal(found.astype("float16"), stored.astype("float16"))
    apart = np.abs(found - stored) / np.spacing(np.abs(stored).astype("float16"))
    assert 0.2 < np.median(apart) < 0.3
    assert apart.max() <= 0.5
