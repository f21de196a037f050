"""Feature distillation: the loss, what it moves, and that a run learns what a guide's maps say."""

import os
import signal

import keras
import numpy as np
import pytest
from keras import ops
from testing_tools import arrays, gradients, toy
from training_tools import (
    BACKEND,
    RECIPE,
    RUN,
    assert_same_run,
    at_step,
    changed,
    fitted,
    long_but_on_torch,
    long_on_jax,
    metrics,
    trained,
    untimed,
)

from scmnet_zoo.data import CAMVID
from scmnet_zoo.data.augment import Augment
from scmnet_zoo.layers import ImageInput
from scmnet_zoo.losses import CrossEntropy
from scmnet_zoo.models.backbones import efficientnet_lite2
from scmnet_zoo.training import feature_distillation, find_recipe, loop, training_network
from scmnet_zoo.training.feature_distillation import (
    FeatureDistillation,
    bare_guide,
    feature_distillation_of,
)
from scmnet_zoo.training.model import TrainingModel
from scmnet_zoo.training.optimiser import optimiser_of
from scmnet_zoo.training.start import dtype_policy

PAIRS = {"stem_bn": "coarse"}
HINTED = changed(loss_feature_distillation=4.0, features=PAIRS)


def guide_network(precision="float32"):
    """A guide that compiles at once: maps at the image's size and at a quarter of it."""
    with dtype_policy(precision):
        image = x = keras.Input((None, None, 3))
        x = ImageInput([128.0] * 3, [64.0] * 3, name="normalised")(x)
        for name, strides in (("fine", 1), ("coarse", 4)):
            kernel = keras.initializers.RandomNormal(0.0, 0.3, seed=strides)
            x = keras.layers.Conv2D(
                6, 3, strides, padding="same", kernel_initializer=kernel, name=f"{name}_conv"
            )(x)
            x = keras.layers.BatchNormalization(name=name)(x)
        return keras.Model(image, x, name="guide")


@pytest.fixture
def guided(monkeypatch):
    """The small guide stands for EfficientNet-Lite2."""
    monkeypatch.setattr(feature_distillation, "guide_network", guide_network)
    monkeypatch.setattr(feature_distillation, "bare_guide", guide_network)
    monkeypatch.setattr(feature_distillation, "installed_port", lambda: None)


def images(height=32, width=48, batch=2):
    rng = np.random.default_rng(0)
    return rng.uniform(0, 255, (batch, height, width, 3)).astype("float32")


def hints_for(pairs=PAIRS, weight=1.0, guide=None, network=None):
    network = toy(classifier_activation=None) if network is None else network
    return FeatureDistillation(network, guide or guide_network(), pairs, weight)


def standardised(map_):
    mean, variance = map_.mean((0, 1, 2)), map_.var((0, 1, 2))
    return (map_ - mean) / np.sqrt(variance + 1e-3)


# The loss.


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_the_loss_against_its_definition(weight):
    """Two pairs, projections that are given, and a map whose sides are those of its hint."""
    network, guide = toy(classifier_activation=None), guide_network()
    ours = hints_for({"stem_relu": "fine", "stem_bn": "fine"}, weight, guide, network)
    rng = np.random.default_rng(1)
    for projection in ours.projections:
        projection.kernel.assign(rng.normal(size=(1, 1, 8, 6)))
        projection.bias.assign(rng.normal(size=6))
    x = images()
    hint = keras.Model(guide.inputs, guide.get_layer("fine").output)(x, training=False)
    hint = standardised(ops.convert_to_numpy(hint).astype("float64"))
    maps = ours.observe(x, False)["maps"]
    expected = 0.0
    for projection, name in zip(ours.projections, ours.names, strict=True):
        told = ops.convert_to_numpy(maps[name]).astype("float64")
        told = told @ ops.convert_to_numpy(projection.kernel)[0, 0]
        told = told + ops.convert_to_numpy(projection.bias)
        sides = [np.linalg.norm(one, axis=-1) for one in (told, hint)]
        expected += weight * np.mean(1 - (told * hint).sum(-1) / (sides[0] * sides[1])) / 2
    assert float(ours.loss(x, maps)) == pytest.approx(expected, rel=1e-4)


def told(guide, map_):
    """The loss of a map for the guide's finer one, which its projection leaves as it is."""
    ours = hints_for({"stem_relu": "fine"}, guide=guide)
    ours.projections[0] = keras.layers.Activation("linear")
    return float(ours.loss(images(), {"stem_relu": ops.array(map_, "float32")}))


def test_the_same_maps_are_0_apart_and_unrelated_ones_1():
    guide = guide_network()
    fine = keras.Model(guide.inputs, guide.get_layer("fine").output)
    same = standardised(ops.convert_to_numpy(fine(images(), training=False)))
    assert told(guide, same) == pytest.approx(0, abs=1e-5)
    assert told(guide, 7 * same) == pytest.approx(0, abs=1e-5)  # lengths do not matter
    assert told(guide, -same) == pytest.approx(2, abs=1e-5)
    other = np.random.default_rng(2).normal(size=same.shape)
    assert told(guide, other) == pytest.approx(1, abs=0.05)


def test_no_channel_outweighs_the_others():
    """Other scales and offsets of a hint's channels say the same."""
    losses = []
    rng = np.random.default_rng(3)
    other = rng.normal(size=(2, 32, 48, 6))
    for scale, offset in ((1.0, 0.0), (rng.uniform(1, 30, 6), rng.normal(0, 50, 6))):
        guide = guide_network()
        batch_norm = guide.get_layer("fine")
        batch_norm.gamma.assign(np.broadcast_to(30 * scale, 6))
        batch_norm.beta.assign(np.broadcast_to(offset, 6))
        losses.append(told(guide, other))
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


@pytest.mark.parametrize("size", [(32, 48), (33, 47)])
def test_a_hint_of_another_size_is_resized(size):
    """To that of the map."""
    guide = guide_network()
    ours = hints_for(guide=guide)
    x = images(*size)
    hint = keras.Model(guide.inputs, guide.output)(x, training=False)
    assert tuple(hint.shape[1:3]) == (-(-size[0] // 4), -(-size[1] // 4))
    whole = standardised(
        ops.convert_to_numpy(ops.image.resize(hint, size, data_format="channels_last"))
    )
    ours.projections[0] = keras.layers.Activation("linear")
    found = float(ours.loss(x, {"stem_bn": ops.array(whole)}))
    assert found == pytest.approx(0, abs=1e-4)


class Told(keras.Model):
    """The loss of a map that learns."""

    def __init__(self, map_):
        super().__init__()
        self.feature_distillation = hints_for({"stem_relu": "fine"})
        self.feature_distillation.trainable = False
        self.map = self.add_weight(shape=map_.shape, initializer="zeros")
        self.map.assign(map_)
        self.built = True

    def call(self, images, training=None):
        return self.feature_distillation.loss(images, {"stem_relu": self.map.value})


def test_a_map_that_is_0_somewhere():
    """There it has no direction, and no gradient without bounds; a ReLU leaves such places."""
    map_ = np.random.default_rng(0).normal(size=(2, 32, 48, 8))
    map_[:, 5:9, 7] = 0
    (found,) = gradients(Told(map_), images())
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 10
    assert np.any(found[:, 5:9, 8])


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(policy):
    """What is summed is float32."""
    losses = []
    for precision in ("float32", policy):
        keras.utils.set_random_seed(0)
        with dtype_policy(precision):
            network = toy(classifier_activation=None)
        ours = FeatureDistillation(network, guide_network(precision), PAIRS, 1.0, precision)
        assert ours.projections[0].compute_dtype == precision.removeprefix("mixed_")
        x = images()
        loss = ours.loss(x, ours.observe(x, True)["maps"])
        assert keras.backend.standardize_dtype(loss.dtype) == "float32"
        losses.append(float(loss))
    assert losses[1] == pytest.approx(losses[0], abs=0.02)


# What learns.


def training_model(frames, guide=None, network=None):
    network = toy(classifier_activation=None) if network is None else network
    ours = FeatureDistillation(network, guide or guide_network(), PAIRS, 4.0)
    augment = Augment(RECIPE.augmentation)
    return TrainingModel(frames.layer, network, augment, CrossEntropy(), feature_distillation=ours)


def test_the_guide_is_no_part_of_the_state(train_frames):
    """A run's folder would keep it with each state; the projections belong there."""
    guide = guide_network()
    model = training_model(train_frames, guide)
    outputs = model(np.array([0, 3], np.int32), training=True)
    assert tuple(outputs["logits"].shape) == (2, 32, 32, 11)
    assert tuple(outputs["feature_distillation"].shape) == ()
    theirs = {id(variable) for variable in guide.variables}
    assert len(theirs) == 12
    assert theirs <= {id(variable) for variable in model.variables}
    kept = [id(variable) for variable in model.state()]
    assert theirs.isdisjoint(kept)
    assert theirs.isdisjoint(id(variable) for variable in model.trainable_variables)
    projections = [
        variable for one in model.feature_distillation.projections for variable in one.variables
    ]
    assert len(projections) == 2
    network = model.network.variables
    for variable in (*projections, *network):
        assert kept.count(id(variable)) == 1, variable.path
    learning = {id(variable) for variable in model.trainable_variables}
    assert {id(v) for v in (*projections, *model.network.trainable_variables)} == learning


@long_on_jax
def test_a_step_moves_the_network_and_the_projections(train_frames):
    """By the hints alone what is before the map; the guide stays, its batch norms too."""
    guide, network = guide_network(), toy(classifier_activation=None)
    model = training_model(train_frames, guide, network)
    model.loss_function = lambda labels, logits: 0.0 * ops.mean(logits)
    model.compile(optimizer=keras.optimizers.SGD(0.1), jit_compile=BACKEND == "jax")
    everything = (guide, network, *model.feature_distillation.projections)
    before = [{p: np.array(v) for p, v in arrays(one).items()} for one in everything]
    model.fit(np.array([0, 3], np.int32), batch_size=2, verbose=0)
    moved = {
        path
        for one, values in zip(everything, before, strict=True)
        for path, value in arrays(one).items()
        if not np.array_equal(value, values[path])
    }
    paths = set(arrays(network))
    assert moved == {p for p in paths if "stem" in p} | set(
        arrays(model.feature_distillation.projections[0])
    )


@pytest.mark.usefixtures("guided")
@long_on_jax
def test_biases_of_projections_do_not_decay(train_frames, monkeypatch):
    made = []

    def watched(settings, model, *others):
        made.append((model.trainable_variables, optimiser_of(settings, model, *others)))
        return made[-1][1]

    monkeypatch.setattr(loop, "optimiser_of", watched)
    fitted(train_frames, changed(HINTED, epochs=1, optimiser_weight_decay=0.1))
    ((variables, optimiser),) = made
    decays = {v.path: optimiser._use_weight_decay(v) for v in variables if "projection_" in v.path}
    assert decays == {"projection_stem_bn/kernel": True, "projection_stem_bn/bias": False}


@pytest.mark.usefixtures("guided")
@long_but_on_torch
def test_a_network_learns_what_the_guide_says(train_frames):
    recipe = changed(
        epochs=16,
        loss_cross_entropy=1e-3,
        loss_feature_distillation=1.0,
        features={"stem_bn": "fine"},
    )
    network, rows = fitted(train_frames, recipe)
    assert 0.3 < rows[0]["loss"] < 1.4
    assert rows[-1]["loss"] < rows[0]["loss"] / 2
    assert all(np.isfinite(value).all() for value in arrays(network).values())


@pytest.mark.usefixtures("guided")
@long_but_on_torch
@pytest.mark.parametrize(
    "recipe",
    [
        changed(HINTED, loss_auxiliary=0.4),
        changed(HINTED, precision="mixed_bfloat16"),
        changed(HINTED, freeze_epochs=1, epochs=3),
    ],
    ids=["auxiliary", "mixed", "frozen"],
)
def test_other_recipes(train_frames, recipe):
    """The first losses are those without hints, but for what hints add."""
    network, rows = fitted(train_frames, recipe)
    _, plain = fitted(train_frames, changed(recipe, loss_feature_distillation=0.0, features={}))
    added = rows[0]["loss"] - plain[0]["loss"]
    assert 0.5 * 4 < added < 1.5 * 4
    assert all(np.isfinite(value).all() for value in arrays(network).values())


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.usefixtures("guided", "toys", "undrawn")
@long_but_on_torch
def test_a_run_that_is_broken_off_goes_on(folder, tmp_path):
    """In a frozen epoch and in a later one; its end is that of an undisturbed one."""
    recipe = changed(RUN, loss_feature_distillation=1.0, features=PAIRS)
    trained(folder, tmp_path / "whole", recipe)

    for step in (4, 16):
        with pytest.raises(KeyboardInterrupt):
            trained(folder, tmp_path / "run", recipe, progress=at_step(step, interrupt))
    trained(folder, tmp_path / "run", recipe)
    assert_same_run(tmp_path / "run", tmp_path / "whole")
    trained(folder, tmp_path / "plain", RUN)
    rows = [untimed(metrics(tmp_path / name)) for name in ("run", "plain")]
    assert float(rows[0][0]["loss"]) > float(rows[1][0]["loss"]) + 0.5
    with pytest.raises(ValueError, match="whose recipe differs in "):
        trained(folder, tmp_path / "run", RUN)


# Where they come from.


@pytest.mark.usefixtures("guided")
@pytest.mark.parametrize(
    ("pairs", "received"),
    [
        ({"stem_relu": "block_6"}, r"guide \(.*fine_conv, .*\)\. Received: 'block_6'"),
        ({"cmm1": "fine"}, r"toy \(.*stem_conv, .*\)\. Received: 'cmm1'"),
        ({"stem_relu": "fine", "": "fine"}, r"toy \(.*\)\. Received: ''"),
    ],
)
def test_layers_that_there_are_not(train_frames, pairs, received):
    with pytest.raises(ValueError, match=rf"\[features\] to name a layer of {received}$") as caught:
        fitted(train_frames, changed(HINTED, features=pairs))
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("guided", "toys")
def test_what_a_run_lacks_is_said_before_it_begins(folder, tmp_path, monkeypatch):
    """Before there is a folder of it."""
    with pytest.raises(ValueError, match=r"a layer of toy .*Received: 'cmm1'$"):
        trained(folder, tmp_path / "run", changed(HINTED, features={"cmm1": "fine"}))
    with pytest.raises(ValueError, match=r"a layer of guide .*Received: 'block_60'$"):
        trained(folder, tmp_path / "run", changed(HINTED, features={"stem_bn": "block_60"}))

    def missing():
        raise ValueError("no package")

    monkeypatch.setattr(feature_distillation, "installed_port", missing)
    with pytest.raises(ValueError, match=r"^no package$"):
        trained(folder, tmp_path / "run", HINTED)
    assert not (tmp_path / "run").exists()


def test_the_order_of_pairs_does_not_matter():
    """Recipes that are equal have states that are."""
    names, pairs = [], {"stem_relu": "fine", "stem_bn": "coarse"}
    for given in (pairs, dict(reversed(pairs.items()))):
        ours = hints_for(given)
        names.append([ours.names, [one.name for one in ours.projections]])
    assert names[0] == names[1]


def test_no_guide_without_hints(monkeypatch):
    """Nor the package that has its weights."""
    monkeypatch.setattr(feature_distillation, "guide_network", None)
    assert feature_distillation_of(toy(), RECIPE) is None


def test_hints_of_a_recipe(monkeypatch):
    """Guide and projections compute in its precision."""
    asked = []
    monkeypatch.setattr(
        feature_distillation,
        "guide_network",
        lambda precision: asked.append(precision) or guide_network(precision),
    )
    ours = feature_distillation_of(toy(), changed(HINTED, precision="mixed_bfloat16"))
    assert asked == [ours.projections[0].dtype_policy.name] == ["mixed_bfloat16"]
    assert (ours.names, ours.weight) == (["stem_bn"], 4.0)


def test_the_guide_has_the_weights_of_imagenet(monkeypatch):
    """Its images are normalised as those of DeepLabV3+ with the same backbone."""
    image = keras.Input((None, None, 3))
    backbone = keras.Model(image, efficientnet_lite2(image, 32)[1])
    tensors = {path: np.array(value) for path, value in arrays(backbone).items()}
    asked = []
    monkeypatch.setattr(
        feature_distillation, "read_pretrained", lambda *which: asked.append(which) or tensors
    )
    guide = feature_distillation.guide_network("mixed_bfloat16")
    assert asked == [("efficientnet_lite2", "imagenet")]
    assert keras.config.dtype_policy().name == "float32"
    for path, value in arrays(guide).items():
        np.testing.assert_array_equal(value, tensors[path], err_msg=path)
    assert guide.get_layer("block_6").compute_dtype == "bfloat16"
    normalised = keras.Model(guide.inputs, guide.get_layer("preprocessing").output)
    found = ops.convert_to_numpy(normalised(np.full((1, 32, 32, 3), [0, 127.5, 255], "float32")))
    np.testing.assert_allclose(found[0, 0, 0], [-1, 0, 1], atol=1e-6)


@pytest.mark.parametrize("stage", ["drawn", "hints"])
@pytest.mark.parametrize(
    ("network", "recipe", "strides"),
    [
        ("scmnet", "scmnet_camvid", [8, 16, 32]),
        ("fastscnn", "fastscnn_camvid", [8, 16, 32]),
        ("contextnet", "contextnet_camvid", [8, 16, 32]),
        ("deeplabv3plus", "deeplabv3plus_camvid_mobilenet_v2", [8, 16, 16]),
    ],
)
def test_shipped_recipes_pair_maps_with_hints_near_their_strides(network, recipe, strides, stage):
    recipe = find_recipe(f"{recipe}_{stage}")
    model = training_network(network, recipe, CAMVID.classes)
    guide = bare_guide(recipe.precision)
    pairs = list(recipe.features.items())
    assert [at_stride(guide, hint) for _, hint in pairs] == [8, 16, 32]
    assert [at_stride(model, name) for name, _ in pairs] == strides
    ours = FeatureDistillation(
        model, guide, recipe.features, recipe.loss.feature_distillation, recipe.precision
    )
    channels = {"block_6": 48, "block_14": 120, "last_conv_relu6": 1280}
    wanted = [channels[recipe.features[name]] for name in ours.names]
    assert [one.filters for one in ours.projections] == wanted


def at_stride(model, layer) -> int:
    """How many pixels of an image a place of a layer's map stands for."""
    to_layer = keras.Model(model.inputs, model.get_layer(layer).output)
    return 512 // to_layer.compute_output_shape((None, 512, 512, 3))[1]
