"""What a run starts from: weights for the same classes, for others, and none."""

import dataclasses
import logging

import keras
import numpy as np
import pytest
from testing_tools import arrays, assert_same_weights, randomise, toy
from training_tools import RECIPE, changed

from scmnet_zoo.data import CAMVID, CITYSCAPES, Label, LabelSpace
from scmnet_zoo.training import final_network, freeze, start, training_network
from scmnet_zoo.training.start import (
    check_arguments,
    copy_weights,
    dtype_policy,
    normalisation_of,
    trained_metadata,
    with_arguments_of,
)
from scmnet_zoo.weights.checkpoint import write_checkpoint

GIVEN = ("road", "person", "car", "traffic sign")
SPACE = LabelSpace(
    "mine", tuple(Label(name, (place, 7, 255), f"of {name}") for place, name in enumerate(GIVEN))
)
WITH_HEADS = changed(loss_auxiliary=0.4)


@pytest.fixture
def written(tmp_path, toys):
    """A toy with random weights for some classes, and its file."""
    network = randomise(toy(num_classes=len(GIVEN), auxiliary=True), seed=5)
    path = tmp_path / "given.safetensors"
    write_checkpoint(path, network, trained_metadata("toy", RECIPE, SPACE, network))
    return network, path


@pytest.mark.parametrize(("given", "taken"), [(False, "imagenet"), (True, None)])
def test_a_backbones_weights_are_for_a_fresh_network(written, monkeypatch, given, taken):
    """Others bring their own."""
    asked = []

    def network(backbone_weights=None, **arguments):
        asked.append(backbone_weights)
        return toy(**arguments)

    monkeypatch.setattr(start, "factory_of", lambda key: network)
    recipe = changed(arguments={"backbone_weights": "imagenet"})
    training_network("toy", recipe, GIVEN, written[1] if given else None)
    assert asked == [taken]


def _kept(written, classes, caplog, recipe=WITH_HEADS):
    """The weights of a network for some classes, those given, and the line of the log."""
    caplog.clear()
    with caplog.at_level(logging.INFO, "scmnet_zoo.training"):
        keras.utils.set_random_seed(1)
        network = training_network("toy", recipe, classes, written[1])
    assert caplog.records[-1].name == "scmnet_zoo.training.start"
    return arrays(network), arrays(written[0]), caplog.records[-1].getMessage()


@pytest.mark.parametrize(
    ("classes", "places", "line"),
    [
        (GIVEN, (0, 1, 2, 3), "kept: road, person, car, traffic sign; fresh: none"),
        (
            ("car", "road", "traffic sign", "person"),
            (2, 0, 3, 1),
            "kept: car, road, traffic sign, person; fresh: none",
        ),
        (("Road", "sign"), (0, 3), "kept: Road, sign; fresh: none"),
        (
            ("sky", "pedestrian", "tree", "road", "cat", "dog"),
            (None, 1, None, 0, None, None),
            "kept: pedestrian, road; fresh: sky, tree, cat, dog",
        ),
        (("a", "b", "c", "d"), (None,) * 4, "kept: none; fresh: a, b, c, d"),
    ],
    ids=["same", "permuted", "fewer", "more", "none"],
)
def test_rows_of_the_classifiers(written, caplog, classes, places, line):
    values, given, logged = _kept(written, classes, caplog)
    assert logged.endswith(line)
    assert str(written[1]) in logged
    for path, value in values.items():
        if "classifier" not in path:
            np.testing.assert_array_equal(value, given[path], err_msg=path)
            continue
        for new, old in enumerate(places):
            row = value[..., new]
            if old is not None:
                np.testing.assert_array_equal(row, given[path][..., old], err_msg=path)
            elif path.endswith("bias"):
                assert row == 0
            else:
                assert row.std() > 0.05
                assert not any(np.array_equal(row, given[path][..., k]) for k in range(4))


def test_heads_that_the_weights_lack_start_fresh(tmp_path, toys, caplog):
    network = randomise(toy(num_classes=4))
    path = tmp_path / "given.safetensors"
    write_checkpoint(path, network, trained_metadata("toy", RECIPE, SPACE, network))
    values, given, _ = _kept((network, path), GIVEN, caplog)
    assert set(values) - set(given) == {"aux_stem_classifier/kernel", "aux_stem_classifier/bias"}
    assert np.abs(values["aux_stem_classifier/kernel"]).max() > 0
    for name, value in given.items():
        np.testing.assert_array_equal(values[name], value, err_msg=name)


def test_without_weights(toys):
    network = training_network("toy", RECIPE, CAMVID.classes)
    assert network.output_shape[-1] == 11
    assert network.get_layer("out").activation is keras.activations.linear
    assert isinstance(training_network("toy", WITH_HEADS, CAMVID.classes).output, dict)
    final = final_network("toy", WITH_HEADS, CITYSCAPES.classes)
    assert final.output_shape[-1] == 19
    assert final.get_layer("out").activation is keras.activations.softmax


def test_what_is_trained_is_transferred(toys):
    recipe = dataclasses.replace(WITH_HEADS, precision="mixed_bfloat16", arguments={"width": 5})
    network = randomise(training_network("toy", recipe, CAMVID.classes))
    assert network.get_layer("stem_conv").compute_dtype == "bfloat16"
    final = final_network("toy", recipe, CAMVID.classes)
    assert final.get_layer("stem_conv").compute_dtype == "float32"
    copy_weights(network, final)
    values = arrays(network)
    for path, value in arrays(final).items():
        np.testing.assert_array_equal(value, values[path], err_msg=path)


def test_facts_of_weights(toys):
    recipe = dataclasses.replace(RECIPE, arguments={"width": 5})
    facts = trained_metadata("toy", recipe, SPACE, toy(width=5))
    assert (facts.network, facts.arguments, facts.classes) == ("toy", {"width": 5}, GIVEN)
    assert facts.training_size == RECIPE.size
    assert facts.palette == facts.colours == ((0, 7, 255), (1, 7, 255), (2, 7, 255), (3, 7, 255))
    assert facts.categories == ("of road", "of person", "of car", "of traffic sign")
    assert normalisation_of(toy()) == facts.normalisation


# Arguments.


def test_what_a_backbone_starts_from_is_no_fact_of_the_result(monkeypatch):
    """It goes to the network that is trained, not to that which is written nor into its file."""
    calls = []

    def factory(backbone_weights=None, **arguments):
        calls.append(backbone_weights)
        return toy(**arguments)

    monkeypatch.setattr(start, "factory_of", lambda network: factory)
    recipe = dataclasses.replace(RECIPE, arguments={"backbone_weights": "imagenet", "width": 5})
    check_arguments("deeplabv3plus", dataclasses.replace(recipe, arguments={}))
    network = training_network("toy", recipe, GIVEN)
    final = final_network("toy", recipe, GIVEN)
    assert calls == ["imagenet", None]
    assert trained_metadata("toy", recipe, SPACE, final).arguments == {"width": 5}
    copy_weights(network, final)


def test_no_word_of_a_fresh_classifier(written, caplog):
    """What the reading of weights says of it is not so once rows are matched by name."""
    with caplog.at_level(logging.INFO, "scmnet_zoo"):
        training_network("toy", WITH_HEADS, ("car", "sky"), written[1])
    assert [record.name for record in caplog.records] == ["scmnet_zoo.training.start"]


def test_arguments_of_the_weights_are_taken_over(tmp_path, toys):
    network = toy(width=5)
    path = tmp_path / "narrow.safetensors"
    recipe = dataclasses.replace(RECIPE, arguments={"width": 5})
    write_checkpoint(path, network, trained_metadata("toy", recipe, CAMVID, network))
    assert with_arguments_of(RECIPE, "toy", path) == recipe
    assert with_arguments_of(RECIPE, "toy", None) == RECIPE
    both = with_arguments_of(dataclasses.replace(RECIPE, arguments={"dropout": 0.1}), "toy", path)
    assert both.arguments == {"width": 5, "dropout": 0.1}
    assert_same_weights(training_network("toy", recipe, CAMVID.classes, path), network)

    contrary = dataclasses.replace(RECIPE, arguments={"width": 8})
    assert with_arguments_of(contrary, "toy", path) == contrary
    with pytest.raises(ValueError, match=r"Expected width=5, as the weights.*Received: width=8"):
        training_network("toy", contrary, CAMVID.classes, path)


@pytest.mark.parametrize("suffix", [".safetensors", ".weights.h5", ".keras"])
def test_weights_that_do_not_name_their_classes(tmp_path, toys, suffix):
    path = tmp_path / f"nameless{suffix}"
    if suffix == ".safetensors":
        import safetensors.numpy

        safetensors.numpy.save_file(dict(arrays(toy())), path)
    elif suffix == ".keras":
        toy().save(path)
    else:
        toy().save_weights(path)
    with pytest.raises(ValueError, match=r"weights that name their classes.*nameless"):
        with_arguments_of(RECIPE, "toy", path)


def test_weights_that_are_not_there(tmp_path, toys):
    with pytest.raises(ValueError, match=r"existing weight file.*gone\.safetensors"):
        with_arguments_of(RECIPE, "toy", tmp_path / "gone.safetensors")


@pytest.mark.parametrize("key", ["residuals", "num_classes", "weights", "input_shape", "auxiliary"])
def test_an_unknown_argument_of_the_network(key):
    recipe = dataclasses.replace(RECIPE, arguments={key: 1})
    with pytest.raises(ValueError, match=rf"scmnet among dropout, residual\. Received: {key}"):
        check_arguments("scmnet", recipe)
    check_arguments("scmnet", dataclasses.replace(RECIPE, arguments={"residual": True}))


@pytest.mark.parametrize(
    ("network", "arguments", "message"),
    [
        ("scmnet", {"dropout": "a"}, r"dropout to be a number\. Received: 'a'"),
        ("scmnet", {"residual": "no"}, r"residual to be true or false\. Received: 'no'"),
        (
            "deeplabv3plus",
            {"output_stride": 16.0},
            r"output_stride to be a whole number\. Received: 16\.0",
        ),
        ("deeplabv3plus", {"backbone": 1}, r"backbone to be a string\. Received: 1"),
    ],
)
def test_an_argument_of_another_type(network, arguments, message):
    with pytest.raises(ValueError, match=message):
        check_arguments(network, dataclasses.replace(RECIPE, arguments=arguments))
    check_arguments("scmnet", dataclasses.replace(RECIPE, arguments={"dropout": 0}))


def test_a_network_without_auxiliary_heads():
    for network in ("scmnet", "fastscnn", "contextnet"):
        check_arguments(network, WITH_HEADS)
    with pytest.raises(ValueError, match=r"loss\.auxiliary=0\.4. Received: deeplabv3plus"):
        check_arguments("deeplabv3plus", WITH_HEADS)


# What is set for a while.


def test_the_dtype_policy_is_restored():
    before = keras.config.dtype_policy()
    with dtype_policy("mixed_bfloat16"):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy() == before
    with pytest.raises(RuntimeError, match="inside"), dtype_policy("mixed_bfloat16"):
        raise RuntimeError("inside")
    assert keras.config.dtype_policy() == before


def test_frozen_batch_norms_stand_still(toys):
    network = toy(classifier_activation=None)
    x = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    learning = [True] * len(network.layers)
    freeze(network, learning, True)
    before = {path: np.array(value) for path, value in arrays(network).items()}
    network(x, training=True)
    after = arrays(network)
    for path, value in before.items():
        np.testing.assert_array_equal(after[path], value, err_msg=path)
    freeze(network, learning, False)
    network(x, training=True)
    assert not np.array_equal(arrays(network)["stem_bn/moving_mean"], before["stem_bn/moving_mean"])
