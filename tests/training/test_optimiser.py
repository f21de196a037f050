import keras
import numpy as np
import pytest
from testing_tools import arrays, toy

from scmnet_zoo import NETWORKS
from scmnet_zoo.training import OptimiserSettings, freeze
from scmnet_zoo.training.optimiser import optimiser_of

STILL = {"schedule": "constant", "warmup": 0.0, "clip_norm": 0.0, "ema": 0.0, "weight_decay": 0.0}
KINDS = ("sgd", "adamw")


def _settings(**values):
    return OptimiserSettings(**{**STILL, "learning_rate": 0.1, **values})


def _after_a_step(settings, gradient, precision="float32"):
    """The first value of each weight of a toy of ones, after a step with the same gradient."""
    network = toy(auxiliary=True)
    for variable in network.trainable_variables:
        variable.assign(np.ones(variable.shape))
    optimiser = optimiser_of(settings, network, 10, precision)
    variables = network.trainable_variables
    optimiser.apply([gradient * keras.ops.ones(v.shape) for v in variables], variables)
    return {path: float(value.ravel()[0]) for path, value in arrays(network).items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("head_factor", [1.0, 3.0])
def test_weight_decay_spares_biases_and_batch_norm(kind, head_factor):
    """Without a gradient only the decay moves a weight."""
    values = _after_a_step(_settings(kind=kind, weight_decay=0.5, head_factor=head_factor), 0.0)
    for path, value in values.items():
        decayed = path.endswith("/kernel")
        if not path.startswith("stem_bn/moving"):
            assert value == pytest.approx(1 - 0.1 * 0.5 if decayed else 1), path


@pytest.mark.parametrize("key", NETWORKS)
def test_what_decays_in_every_network(key):
    network = NETWORKS[key](num_classes=3)
    optimiser = optimiser_of(_settings(weight_decay=0.1), network, 10, "float32")
    for variable in network.trainable_variables:
        kernel = len(variable.shape) == 4
        assert optimiser._use_weight_decay(variable) == kernel, variable.path
    assert any(len(v.shape) == 1 for v in network.trainable_variables)


@pytest.mark.parametrize("kind", KINDS)
def test_the_classifiers_move_faster(kind):
    """The first step of SGD and of AdamW is the learning rate times 1 for a gradient of 1."""
    values = _after_a_step(_settings(kind=kind, head_factor=3.0), 1.0)
    for path, value in values.items():
        if "moving" not in path:
            factor = 3.0 if "classifier" in path else 1.0
            assert value == pytest.approx(1 - 0.1 * factor, abs=1e-5), path


def test_head_factor_0_leaves_the_classifiers_alone():
    values = _after_a_step(_settings(head_factor=0.0), 1.0)
    assert values["head_classifier/kernel"] == values["aux_stem_classifier/bias"] == 1
    assert values["stem_conv/kernel"] == pytest.approx(0.9, abs=1e-5)


def test_the_gradient_is_clipped():
    network = toy()
    count = sum(int(np.prod(v.shape)) for v in network.trainable_variables)
    settings = _settings(kind="sgd", momentum=0.0, clip_norm=2.0)
    before = arrays(network)["stem_conv/bias"][0]
    optimiser = optimiser_of(settings, network, 10, "float32")
    variables = network.trainable_variables
    optimiser.apply([100 * keras.ops.ones(v.shape) for v in variables], variables)
    step = before - arrays(network)["stem_conv/bias"][0]
    assert step == pytest.approx(0.1 * 2 / np.sqrt(count), rel=1e-4)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("kind", KINDS)
def test_float16_gradients_are_scaled(precision, kind):
    optimiser = optimiser_of(_settings(kind=kind, head_factor=2.0), toy(), 10, precision)
    scaled = isinstance(optimiser, keras.optimizers.LossScaleOptimizer)
    assert scaled == (precision == "mixed_float16")


def test_what_settings_of_0_turn_off():
    optimiser = optimiser_of(_settings(), toy(), 10, "float32")
    assert optimiser.weight_decay == 0
    assert optimiser.global_clipnorm is None
    on = optimiser_of(_settings(weight_decay=0.1, clip_norm=3.0), toy(), 10, "float32")
    assert (on.weight_decay, on.global_clipnorm) == (0.1, 3.0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_frozen_network(kind):
    """The optimiser holds no more than what the classifier needs."""
    network = toy()
    learning = [True] * len(network.layers)
    freeze(network, learning, True)
    optimiser = optimiser_of(_settings(kind=kind, weight_decay=0.1), network, 10, "float32")
    optimiser.build(network.trainable_variables)
    assert [v.path for v in network.trainable_variables] == [
        "head_classifier/kernel",
        "head_classifier/bias",
    ]
    freeze(network, learning, False)
    assert len(network.trainable_variables) == 6


def test_a_momentum_without_a_point():
    """As TOML has it where somebody writes 0."""
    settings = OptimiserSettings(kind="sgd", momentum=0)
    assert optimiser_of(settings, toy(), 2, "float32").momentum == 0.0
