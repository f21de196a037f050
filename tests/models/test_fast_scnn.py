import numpy as np
import pytest
import pytorchcv_layout
import stage_table
from testing_tools import images, relative_error, run, trainable_parameters

from scmnet_zoo import FastSCNN
from scmnet_zoo.models import fast_scnn


def test_parameters():
    assert trainable_parameters(FastSCNN()) == 1_138_051


def test_auxiliary_heads_only_on_request():
    model = FastSCNN(num_classes=5, auxiliary=True)
    shape = (1, 64, 97, 5)
    assert {name: y.shape for name, y in run(model, images(64, 97)).items()} == {
        "main": shape,
        "aux_downsample": shape,
        "aux_global": shape,
    }
    plain = {v.path for v in FastSCNN(num_classes=5).weights}
    added = {v.path for v in model.weights} - plain
    assert added
    assert all(path.startswith("aux_") for path in added)


def test_stage_table():
    model = FastSCNN(num_classes=7, input_shape=(1024, 2048, 3), auxiliary=True)
    stage_table.check(fast_scnn, model, 7)


@pytest.mark.parametrize("size", [(192, 384), (192, 192), (97, 161)])
def test_equals_pytorchcv(size):
    """Sides of 192 / 32 = 6 divide by all bins of the pyramid, those of 97x161 do not."""
    pytest.importorskip("pytorchcv", reason="pytorchcv is the reference of this test")
    model = FastSCNN(include_preprocessing=False, classifier_activation=None, auxiliary=True)
    reference = pytorchcv_layout.reference("fastscnn", auxiliary=True)
    pytorchcv_layout.transfer("fastscnn", model, reference)
    x = np.random.default_rng(0).normal(size=(1, *size, 3)).astype("float32")
    main, auxiliary = pytorchcv_layout.outputs(reference, x)
    outputs = run(model, x)
    assert relative_error(outputs["main"], main) < 1e-4
    assert relative_error(outputs["aux_downsample"], auxiliary) < 1e-4


@pytest.mark.needs_shared
def test_equals_the_reference_output(shared, golden):
    model = FastSCNN(include_preprocessing=False, classifier_activation=None)
    with np.load(shared / "golden" / "fastscnn_chainer_seed0.npz") as source:
        paths = [v.path for v in model.weights]
        tensors = pytorchcv_layout.tensors("fastscnn", paths, source, "chainercv2")
    for v in model.weights:
        v.assign(tensors[v.path])
    expected = np.load(shared / "golden" / "fastscnn_192x384_seed0.npz")["logits"]
    logits = run(model, golden.image(0, 192, 384))[:, ::4, ::4]
    assert relative_error(logits, expected) < 1e-4
