"""Learning from teachers: the loss, what a run takes, and that it learns what they say."""

import json
import shutil

import keras
import numpy as np
import pytest
import safetensors.numpy
from keras import ops
from testing_tools import arrays, toy
from training_tools import (
    RECIPE,
    changed,
    fitted,
    logits,
    long_but_on_torch,
    long_on_jax,
    metrics,
    trained,
    untimed,
)

from scmnet_zoo import SCMNet, loading
from scmnet_zoo.data.augment import Augment
from scmnet_zoo.data.labels import CAMVID
from scmnet_zoo.losses import CrossEntropy
from scmnet_zoo.training import fit
from scmnet_zoo.training.model import TrainingModel
from scmnet_zoo.training.teachers import Teachers, teacher_network
from scmnet_zoo.weights import Metadata, Normalisation, write_checkpoint

TAUGHT = changed(loss_teachers=1.0)


def _fixed(probabilities):
    """A network that gives the same probabilities whatever it sees."""
    inputs = keras.Input((None, None, 3))
    bias = keras.initializers.Constant(np.log(probabilities))
    outputs = keras.layers.Conv2D(
        len(probabilities), 1, kernel_initializer="zeros", bias_initializer=bias
    )(inputs)
    return keras.Model(inputs, keras.layers.Softmax()(outputs))


def _stored(path, classes=CAMVID.classes, network="toy", seed=3):
    """A file of a toy's weights."""
    keras.utils.set_random_seed(seed)
    statistics = Normalisation((128.0,) * 3, (64.0,) * 3)
    metadata = Metadata(network, {}, tuple(classes), statistics, (36, 48))
    write_checkpoint(path, toy(num_classes=len(classes)), metadata)
    return path


@pytest.fixture
def toys(toys, monkeypatch):
    """Teachers are toys too."""
    monkeypatch.setattr(loading, "factory_of", lambda network: toy)


def test_the_mean_of_what_they_say():
    both = Teachers([_fixed([0.5, 0.4, 0.1]), _fixed([0.1, 0.2, 0.7])], 1.0)
    said = ops.convert_to_numpy(both(np.zeros((2, 4, 5, 3), "float32")))
    np.testing.assert_allclose(said, np.broadcast_to([0.3, 0.3, 0.4], (2, 4, 5, 3)), rtol=1e-5)
    assert len(both.weights) == 4
    assert not any(variable.trainable for variable in both.weights)


def test_they_are_no_part_of_the_state(train_frames):
    """A run's folder would keep them with each state."""
    both = Teachers([_fixed(np.full(11, 1 / 11))], 1.0)
    augment = Augment(RECIPE.augmentation)
    model = TrainingModel(
        train_frames.layer, toy(classifier_activation=None), augment, CrossEntropy(), teachers=both
    )
    taught = model(np.array([0, 3], np.int32), training=True)["taught"]
    assert tuple(taught.shape) == (2, 32, 32, 11)
    ours = {id(variable) for variable in both.variables}
    assert len(ours) == 2
    assert ours <= {id(variable) for variable in model.variables}
    assert ours.isdisjoint(id(variable) for variable in model.state())
    assert ours.isdisjoint(id(variable) for variable in model.trainable_variables)


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 5.0]])
def test_the_loss_against_its_definition(weights):
    rng = np.random.default_rng(0)
    labels = np.array([[[0, 1, 255], [2, 2, 0]]], "int32")
    said = rng.dirichlet(np.ones(3), (1, 2, 3)).astype("float32")
    scores = rng.normal(0, 2, (1, 2, 3, 3)).astype("float32")
    total = whole = 0.0
    for (row, column), label in np.ndenumerate(labels[0]):
        if label == 255:
            continue
        weight = 1.0 if weights is None else weights[label]
        one = scores[0, row, column].astype("float64")
        logarithms = one - np.log(np.exp(one).sum())
        total += weight * -(said[0, row, column] * logarithms).sum()
        whole += weight
    labels, said, scores = map(ops.convert_to_tensor, (labels, said, scores))
    found = Teachers([], 0.5, weights).loss(labels, said, scores)
    assert float(found) == pytest.approx(0.5 * total / whole, rel=1e-5)
    of_main = Teachers([], 0.5, weights).loss(labels, said, {"main": scores, "aux": -scores})
    assert float(of_main) == pytest.approx(float(found), rel=1e-6)
    void = ops.full_like(labels, 255)
    assert float(Teachers([], 0.5, weights).loss(void, said, scores)) == 0


@long_on_jax
def test_a_student_says_what_its_teachers_say(train_frames):
    """Labels that say little and two teachers that agree on what no label says."""
    said = np.full(11, 0.02)
    said[4] = 0.8
    recipe = changed(epochs=16, loss_cross_entropy=1e-3, loss_teachers=1.0)
    network = logits()
    both = [_fixed(said), _fixed(said)]
    before = [arrays(one) for one in both]
    before = [{path: np.array(value) for path, value in one.items()} for one in before]
    rows = fit(network, train_frames, recipe, teachers=both)
    least = -(said * np.log(said)).sum()
    assert least < rows[-1]["loss"] < least + 0.2 < rows[0]["loss"]
    image = np.full((1, 36, 48, 3), 128.0, "float32")
    found = ops.convert_to_numpy(ops.softmax(network(image), axis=-1)).mean(axis=(0, 1, 2))
    assert found[4] == pytest.approx(0.8, abs=0.1)
    for one, values in zip(both, before, strict=True):
        for path, value in arrays(one).items():
            np.testing.assert_array_equal(value, values[path], err_msg=path)


@long_but_on_torch
def test_auxiliary_heads_beside_teachers(train_frames):
    recipe = changed(loss_auxiliary=0.4, loss_teachers=1.0)
    _, taught = fitted(train_frames, recipe, teachers=[_fixed(np.full(11, 1 / 11))])
    _, plain = fitted(train_frames, changed(loss_auxiliary=0.4))
    assert taught[0]["loss"] > plain[0]["loss"] + 0.5 * np.log(11)


@pytest.mark.parametrize(("count", "weight"), [(0, 1.0), (2, 0.0)])
def test_teachers_and_their_weight_go_together(train_frames, count, weight):
    recipe = changed(loss_teachers=weight)
    with pytest.raises(ValueError, match=rf"Received: {count} teachers, loss.teachers={weight}$"):
        fitted(train_frames, recipe, teachers=[_fixed(np.full(11, 1 / 11))] * count)


# Where they come from.


@pytest.mark.usefixtures("toys", "undrawn")
@long_but_on_torch
def test_a_run_goes_on_with_its_teachers(folder, tmp_path):
    """The run's folder knows them by their content; other ones are another run."""
    paths = [_stored(tmp_path / f"{seed}.safetensors", seed=seed) for seed in (3, 4)]
    trained(folder, tmp_path / "run", TAUGHT, teachers=paths[:1])
    trained(folder, tmp_path / "plain")
    assert untimed(metrics(tmp_path / "run")) != untimed(metrics(tmp_path / "plain"))
    moved = shutil.move(paths[0], tmp_path / "moved.safetensors")
    again = trained(folder, tmp_path / "run", TAUGHT, teachers=[moved])
    assert again.output_shape[-1] == 11
    with pytest.raises(ValueError, match=r"whose teachers is \["):
        trained(folder, tmp_path / "run", TAUGHT, teachers=paths[1:])
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert len(facts["teachers"][0]) == 64
    # A run that was begun before there were teachers.
    facts = json.loads((tmp_path / "plain" / "run.json").read_text())
    assert facts.pop("teachers") == []
    (tmp_path / "plain" / "run.json").write_text(json.dumps(facts))
    trained(folder, tmp_path / "plain")


@pytest.mark.usefixtures("toys")
def test_teachers_that_do_not_fit(folder, tmp_path):
    other = _stored(tmp_path / "other.safetensors", classes=("road", "sky"))
    bare = tmp_path / "bare.safetensors"
    safetensors.numpy.save_file({"a": np.zeros(3, "float32")}, bare)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no weights")
    for weights, expected in (
        (other, "a teacher of the classes sky, building,.*Received: .*other.safetensors, of road"),
        (bare, "file written by the zoo. Received: .*bare.safetensors"),
        (broken, "broken.safetensors is not a whole safetensors file"),
        (tmp_path / "gone.safetensors", "an existing weight file. Received: .*gone.safetensors"),
        ("scmnet/nowhere", "scmnet/nowhere"),
        (
            "fastscnn/cityscapes_osmr",
            "a teacher of the classes sky, .*fastscnn/cityscapes_osmr, of road",
        ),
    ):
        with pytest.raises(ValueError, match=expected) as caught:
            trained(folder, tmp_path / "run", TAUGHT, teachers=[weights])
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "run").exists()


def test_shipped_weights_teach():
    """By their key; the same network as the factory makes of their name."""
    network = teacher_network("scmnet/camvid", CAMVID.classes)
    ours, theirs = arrays(network), arrays(SCMNet(weights="camvid"))
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(value, theirs[path]) for path, value in ours.items())
    assert network.get_layer("preprocessing").mean
