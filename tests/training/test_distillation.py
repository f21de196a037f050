"""Learning from probabilities that came with the frames: loss, augmentation, order, a whole run."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from keras import ops
from PIL import Image
from testing_tools import toy
from training_tools import changed, long_on_jax, without_pictures

from scmnet_zoo import loading
from scmnet_zoo.data import CITYSCAPES, VOID
from scmnet_zoo.data.augment import Augment, Augmentation
from scmnet_zoo.data.loader import MixedOrder
from scmnet_zoo.training import distil as distil_module
from scmnet_zoo.training.distil import distil
from scmnet_zoo.training.distillation import Distillation
from scmnet_zoo.training.recipe import TeachingSettings
from scmnet_zoo.weights import Metadata, Normalisation, write_checkpoint


def reference(probabilities, logits, weights):
    """The loss, pixel by pixel, in float64."""
    total, norm = 0.0, 0.0
    for index in np.ndindex(probabilities.shape[:3]):
        p = probabilities[index].astype(np.float64)
        z = logits[index[0], 2 * index[1], 2 * index[2]].astype(np.float64)
        if p.sum():
            loss = -(p * (z - np.log(np.exp(z).sum()))).sum() / p.sum()
            total, norm = total + loss * (p @ weights), norm + p @ weights
    return total / norm


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), (2, 3, 4)).astype("float32")
    probabilities[0, 0] = 0  # not seen
    return probabilities, rng.normal(size=(2, 5, 8, 3)).astype("float32")


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 0.5]])
def test_the_loss_is_that_of_its_definition(pair, weights):
    found = float(Distillation(0.7, class_weights=weights)(*map(ops.convert_to_tensor, pair)))
    expected = 0.7 * reference(*pair, np.array(weights or [1.0, 1.0, 1.0]))
    assert found == pytest.approx(expected, rel=1e-5)


def test_auxiliary_heads_count_by_their_weight(pair):
    probabilities, logits = map(ops.convert_to_tensor, pair)
    alone = float(Distillation(1.0)(probabilities, logits))
    both = Distillation(1.0, auxiliary=0.4)(probabilities, {"main": logits, "aux": logits})
    assert float(both) == pytest.approx(1.4 * alone, rel=1e-5)


def test_frames_that_nobody_has_seen_cost_nothing(pair):
    _, logits = map(ops.convert_to_tensor, pair)
    assert float(Distillation(1.0)(ops.zeros((2, 3, 4, 3)), logits)) == 0


@pytest.mark.parametrize("changes", [{}, {"cut": 1.0}, {"mix": 1.0, "mix_classes": ("b",)}])
def test_probabilities_go_with_their_labels(changes):
    """Of frames in large squares the probabilities say what the labels say, away from borders."""
    settings = Augmentation((48, 64), scale=(0.8, 1.3), flip=0.5, **changes)
    rng = np.random.default_rng(1)
    labels = np.kron(rng.integers(0, 3, (4, 2, 3)), np.ones((32, 32))).astype(np.uint8)
    small = np.eye(3)[labels[:, 2::4, 2::4]] * 255
    images = np.repeat(labels[..., None] * 80, 3, -1).astype(np.uint8)
    augment = Augment(settings, 3, ("a", "b", "c"))
    _, found, told = augment(images, labels, small.astype(np.uint8))
    found, told = np.asarray(found)[:, ::2, ::2], np.asarray(told)
    assert told.shape == (4, 24, 32, 3)
    assert not told[found == VOID].any()
    sure = told.max(-1) > 0.95
    assert sure.mean() > 0.5
    np.testing.assert_array_equal(told.argmax(-1)[sure], found[sure])


def test_draws_do_not_depend_on_probabilities():
    settings = Augmentation((16, 16), scale=(0.5, 2.0), flip=0.5, cut=0.5, noise=3.0)
    images = np.random.default_rng(0).integers(0, 255, (2, 24, 24, 3)).astype(np.uint8)
    labels = np.zeros((2, 24, 24), np.uint8)
    plain = Augment(settings, 5)(images, labels)
    told = Augment(settings, 5)(images, labels, np.zeros((2, 6, 6, 4), np.uint8))
    np.testing.assert_array_equal(np.asarray(plain[0]), np.asarray(told[0]))


def test_every_batch_has_its_share():
    order = MixedOrder((7, 30), 0.25, 8, seed=0)
    assert order.steps == 1
    batches = [order.batch(step) for step in range(5)]
    assert all((batch >= 7).sum() == 2 for batch in batches)
    assert sorted(set(batches[0][batches[0] < 7])) == sorted(batches[0][:6])
    order = MixedOrder((12, 4), 0.5, 6, seed=1)
    assert sorted(np.concatenate([order.batch(step)[:3] for step in range(4)])) == list(range(12))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_neither_group_is_left_out(share):
    batch = MixedOrder((9, 9), share, 4, seed=0).batch(0)
    assert 0 < (batch >= 9).sum() < 4


@pytest.fixture
def a_run(tmp_path, monkeypatch, toys):
    """Twenty small images, and the weights of a toy that knows Cityscapes' classes."""
    for module in (distil_module, loading):
        monkeypatch.setattr(module, "factory_of", lambda network: toy)
    without_pictures(monkeypatch.setattr)
    rng = np.random.default_rng(0)
    for number in range(20):
        path = tmp_path / "frames" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        pixels = np.kron(rng.integers(0, 255, (3, 4, 3)), np.ones((12, 12, 1)))
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    keras.utils.set_random_seed(3)
    statistics = Normalisation((128.0,) * 3, (64.0,) * 3)
    metadata = Metadata("toy", {}, CITYSCAPES.classes, statistics, (36, 48))
    teacher = tmp_path / "teacher.safetensors"
    write_checkpoint(teacher, toy(num_classes=19), metadata)
    recipe = changed(loss_teachers=1.0, batch_size=6, epochs=3, validations=3)
    recipe = dataclasses.replace(recipe, teaching=TeachingSettings(confidence=0.0))
    return tmp_path / "frames", tmp_path / "run", teacher, recipe


@long_on_jax
def test_a_run_learns_what_its_teacher_sees(a_run):
    frames, run, teacher, recipe = a_run
    distil("toy", frames, run, [teacher], recipe)
    about = json.loads((run / "run.json").read_text())
    assert about["classes"] == list(CITYSCAPES.classes)
    assert about["dataset"] == "frames"
    rows = (run / "metrics.csv").read_text().splitlines()
    losses = [float(row.split(",")[rows[0].split(",").index("loss")]) for row in rows[1:]]
    assert losses[-1] < losses[0]
    distil("toy", frames, run, [teacher], recipe)  # complete: nothing is done
    with pytest.raises(ValueError, match="teachers"):
        distil("toy", frames, run, [teacher, teacher], recipe)


def test_what_a_run_cannot_do_without(a_run):
    frames, run, teacher, recipe = a_run
    with pytest.raises(ValueError, match="Expected a teacher for the dataset frames"):
        distil("toy", frames, run, [], recipe)
    with pytest.raises(ValueError, match=r"loss\.teachers above 0"):
        distil("toy", frames, run, [teacher], changed(recipe, loss_teachers=0.0))
    with pytest.raises(ValueError, match="Expected a weight for each of 1 teachers"):
        distil("toy", frames, run, [teacher], recipe, teacher_weights=[1.0, 2.0])
    assert not run.exists()
