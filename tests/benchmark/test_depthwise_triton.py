"""`benchmarks/depthwise_triton.py`, which is not in the package, interpreted: without a GPU."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from scmnet_zoo.layers.depthwise_conv2d import _shifted_depthwise

jax = pytest.importorskip("jax")

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "depthwise_triton.py"


@pytest.mark.parametrize(
    ("shape", "stride", "dilation"),
    [((2, 9, 13, 24), 1, 2), ((1, 10, 12, 48), 2, 1), ((2, 7, 5, 96), 1, 6), ((1, 9, 7, 40), 2, 1)],
)
def test_the_kernel_against_the_shifted_form(shape, stride, dilation):
    if not SCRIPT.is_file():
        pytest.skip("needs a checkout")
    spec = importlib.util.spec_from_file_location("depthwise_triton", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype("float32")
    kernel = rng.normal(size=(3, 3, shape[3])).astype("float32")
    found = script.depthwise(
        jax.numpy.asarray(x), jax.numpy.asarray(kernel), stride, dilation, True
    )
    pair = (stride, stride), (dilation, dilation)
    expected = np.asarray(_shifted_depthwise(x, kernel[..., None], *pair, "same"))
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-5)
