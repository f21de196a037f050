import numpy as np
import pytest
import pytorchcv_layout
import stage_table
from testing_tools import images, relative_error, run, trainable_parameters

from scmnet_zoo import ContextNet
from scmnet_zoo.models import contextnet


def test_parameters():
    assert trainable_parameters(ContextNet()) == 876_563


def test_auxiliary_head_only_on_request():
    model = ContextNet(num_classes=5, auxiliary=True)
    shape = (1, 64, 97, 5)
    assert {name: y.shape for name, y in run(model, images(64, 97)).items()} == {
        "main": shape,
        "aux_shallow": shape,
    }
    plain = {v.path for v in ContextNet(num_classes=5).weights}
    added = {v.path for v in model.weights} - plain
    assert added
    assert all(path.startswith("aux_") for path in added)


def test_stage_table():
    model = ContextNet(num_classes=7, input_shape=(1024, 2048, 3), auxiliary=True)
    stage_table.check(contextnet, model, 7)


@pytest.mark.parametrize("size", [(192, 384), (192, 192), (96, 160)])
def test_equals_pytorchcv(size):
    pytest.importorskip("pytorchcv", reason="pytorchcv is the reference of this test")
    model = ContextNet(include_preprocessing=False, classifier_activation=None, auxiliary=True)
    reference = pytorchcv_layout.reference("contextnet", auxiliary=True)
    pytorchcv_layout.transfer("contextnet", model, reference)
    x = np.random.default_rng(0).normal(size=(1, *size, 3)).astype("float32")
    main, auxiliary = pytorchcv_layout.outputs(reference, x)
    outputs = run(model, x)
    assert relative_error(outputs["main"], main) < 1e-4
    assert relative_error(outputs["aux_shallow"], auxiliary) < 1e-4
