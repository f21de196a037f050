"""`benchmarks/camvid_half.py`, which is not in the package."""

from types import SimpleNamespace

import numpy as np
import pytest
from scripts import load_script
from testing_tools import arrays, toy

from scmnet_zoo.data import CAMVID
from scmnet_zoo.evaluation import CAMVID_A, Task


@pytest.fixture
def script():
    return load_script("camvid_half")


def test_moved_kernels_are_others_that_16_bits_round_alike(script):
    rng = np.random.default_rng(0)
    stored = rng.normal(0, 0.1, (64, 64)).astype("float16").astype("float32")
    stored[0, :4] = [0.0, 1.0, -2.0, 6e-8]  # at a change of the step, and the smallest there is
    found = script.moved(stored, rng)
    np.testing.assert_array_equal(found.astype("float16"), stored.astype("float16"))
    apart = np.abs(found - stored) / np.spacing(np.abs(stored).astype("float16"))
    assert 0.2 < np.median(apart) < 0.3
    assert apart.max() <= 0.5


def test_each_draw_is_of_the_files_kernels(script, monkeypatch):
    network = toy()
    for variable in network.weights:  # as a file in 16 bits has them
        variable.assign(np.asarray(variable.value).astype("float16").astype("float32"))
    own = {path: np.array(value) for path, value in arrays(network).items()}
    seen = []

    def evaluate(network, *rest):
        seen.append({path: np.array(value) for path, value in arrays(network).items()})
        return SimpleNamespace(mean_iou=lambda: len(seen) / 100)

    monkeypatch.setattr(script, "evaluate", evaluate)
    task = Task(network, SimpleNamespace(space=CAMVID), CAMVID_A, None, None)
    assert script.measured(task) == [1.0, 2.0, 3.0]
    for path, value in own.items():
        np.testing.assert_array_equal(seen[0][path], value)
        for drawn in seen[1:]:
            np.testing.assert_array_equal(drawn[path].astype("float16"), value.astype("float16"))
            assert (drawn[path] != value).any() == (value.ndim > 1)
        if value.ndim > 1:
            assert (seen[1][path] != seen[2][path]).any()
        np.testing.assert_array_equal(arrays(network)[path], value)
