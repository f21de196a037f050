import numpy as np
import pytest
import stage_table
from testing_tools import arrays, images, randomise, relative_error, run, trainable_parameters

from scmnet_zoo import SCMNet
from scmnet_zoo.models import scmnet


def test_parameters():
    model = SCMNet(residual=False)
    assert (model.count_params(), trainable_parameters(model)) == (1_255_687, 1_230_391)
    assert SCMNet(residual=True).count_params() == 1_255_687


@pytest.mark.needs_shared
def test_weights_have_the_canonical_names_and_no_others(golden):
    found = {golden.normalise(v.path): list(v.shape) for v in SCMNet().weights}
    assert found == {golden.normalise(name): shape for name, shape in golden.NAMES}


@pytest.mark.needs_shared
def test_equals_the_released_graph(shared, golden):
    model = SCMNet(residual=False, include_preprocessing=False)
    names = {golden.normalise(name): name for name, _ in golden.NAMES}
    for v in model.weights:
        v.assign(golden.weight(names[golden.normalise(v.path)], tuple(v.shape), 0))
    reference = np.load(shared / "golden" / "scmnet_128x256_seed0.npz")
    (expected,) = (reference[k] for k in reference.files if reference[k].ndim == 4)
    np.testing.assert_allclose(run(model, golden.image(0, 128, 256)), expected, atol=1e-4)


def test_stage_table():
    model = SCMNet(num_classes=7, input_shape=(1024, 2048, 3), auxiliary=True)
    stage_table.check(scmnet, model, 7)


def test_auxiliary_heads_only_on_request():
    """They change neither the other weights nor the main output."""
    plain, model = randomise(SCMNet(num_classes=5)), SCMNet(num_classes=5, auxiliary=True)
    weights = arrays(plain)
    shared, added = [], []
    for v in model.weights:
        (shared if v.path in weights else added).append(v)
    assert [v.path for v in shared] == list(weights)
    assert {v.path.split("_")[1] for v in added} == {"cmm2", "cmm3"}
    assert all(v.path.startswith("aux_") for v in added)
    for v in shared:
        v.assign(weights[v.path])
    x = images(64, 97)
    outputs = run(model, x)
    assert {name: y.shape for name, y in outputs.items()} == dict.fromkeys(
        ("main", "aux_cmm2", "aux_cmm3"), (1, 64, 97, 5)
    )
    np.testing.assert_allclose(outputs["main"], run(plain, x), atol=1e-6)
    for y in outputs.values():
        np.testing.assert_allclose(y.sum(-1), 1.0, atol=1e-5)


def test_residuals_change_the_result():
    x = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype("float32")
    arguments = {"num_classes": 4, "include_preprocessing": False, "classifier_activation": None}
    with_identity, without = (
        run(randomise(SCMNet(residual=residual, **arguments)), x) for residual in (True, False)
    )
    assert relative_error(with_identity, without) > 0.01
