"""The protocols, with networks of one layer; the shipped weights on the real frames is long."""

import dataclasses

import numpy as np
import pytest
import scenes
from testing_tools import randomise
from typer.testing import CliRunner

from scmnet_zoo import SCMNet, cli
from scmnet_zoo.data import CAMVID, camvid
from scmnet_zoo.evaluate import (
    PROTOCOLS,
    Protocol,
    evaluate,
    load,
    reduce_label,
    resize_image,
    resize_scores,
)
from scmnet_zoo.training.trainer import normalisation_of
from scmnet_zoo.weights import Metadata, manifest, write_checkpoint

HALF = tuple(side // 2 for side in scenes.SIZE)
SMALL_A = Protocol("A", HALF, False, "all, at half size")
SMALL_B = Protocol("B", scenes.SIZE, True, "full frames only")
CLASSES = len(CAMVID.labels)

runner = CliRunner()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return scenes.draw(tmp_path_factory.mktemp("evaluate") / "camvid")


class ByColour:
    """A network that knows the classes' colours; keeps the sizes it has seen."""

    def __init__(self):
        self.seen = []

    def predict_on_batch(self, batch):
        self.seen.append(batch.shape[1:3])
        palette = np.array(CAMVID.palette, float)
        distances = ((np.asarray(batch, float)[..., None, :] - palette) ** 2).sum(-1)
        return np.eye(CLASSES, dtype="float32")[distances.argmin(-1)]


def test_the_protocols_of_camvid():
    a, b = PROTOCOLS["camvid"]["A"], PROTOCOLS["camvid"]["B"]
    assert (a.size, a.full_size_only) == ((360, 480), False)
    assert (b.size, b.full_size_only) == ((720, 960), True)


def test_an_image_is_reduced_to_the_2x2_mean():
    image, _ = scenes.scene(0)
    difference = resize_image(image, HALF).astype(int) - scenes.halved(image)
    assert np.abs(difference).max() <= 1  # of rounding
    assert resize_image(image, scenes.SIZE) is image


def test_an_image_is_enlarged_bilinearly():
    image = np.zeros((1, 2, 3), np.uint8)
    image[0, 1] = 200
    assert resize_image(image, (1, 4))[0, :, 0].tolist() == [0, 50, 150, 200]


def test_a_label_is_reduced_to_every_second_pixel():
    _, label = scenes.scene(0)
    np.testing.assert_array_equal(reduce_label(label, HALF), label[1::2, 0::2])
    assert reduce_label(label, scenes.SIZE) is label
    with pytest.raises(ValueError, match=r"label of \(72, 96\) or twice.*Received: \(36, 48\)"):
        reduce_label(label[::2, ::2], scenes.SIZE)


def test_probabilities_are_averaged_over_blocks():
    scores = np.random.default_rng(0).random((6, 8, 3)).astype("float32")
    reduced = resize_scores(scores, (3, 2))
    assert reduced.shape == (3, 2, 3)
    np.testing.assert_allclose(reduced[1, 1], scores[2:4, 4:8].mean(axis=(0, 1)), rtol=1e-6)
    assert resize_scores(scores, (6, 8)) is scores
    assert resize_scores(scores, (12, 20)).shape == (12, 20, 3)
    assert resize_scores(scores, (4, 5)).shape == (4, 5, 3)


def test_the_average_decides_not_the_majority():
    scores = np.array([[[0.6, 0.4], [0.6, 0.4]], [[0.6, 0.4], [0.0, 1.0]]], "float32")
    assert resize_scores(scores, (1, 1)).argmax(-1).item() == 1


def test_a_perfect_network(folder):
    network = ByColour()
    dataset = camvid(folder, "test")
    full = dataclasses.replace(dataset, samples=dataset.samples[:1])
    matrix = evaluate(network, full, SMALL_B, scenes.SIZE)
    assert matrix.mean_iou() == matrix.pixel_accuracy() == 1.0
    assert matrix.counts.sum() == (scenes.scene(8)[1] != 255).sum()


def test_protocol_a_takes_all_frames(folder):
    network, steps = ByColour(), []
    dataset = camvid(folder, "test")
    matrix = evaluate(network, dataset, SMALL_A, HALF, lambda *step: steps.append(step))
    assert network.seen == [HALF] * 3
    assert steps == [(1, 3), (2, 3), (3, 3)]
    labels = [scenes.scene(number)[1][1::2, 0::2] for number in (8, 9, 10)]
    assert matrix.counts.sum() == sum((label != 255).sum() for label in labels)
    assert 0.8 < matrix.pixel_accuracy() <= 1  # 2x2 means mix colours at the borders


def test_protocol_a_shows_no_more_than_its_size(folder):
    """At a larger input the network sees the reduced image enlarged, not the full one."""

    class Keeps(ByColour):
        def predict_on_batch(self, batch):
            self.last = batch[0]
            return super().predict_on_batch(batch)

    network = Keeps()
    dataset = camvid(folder, "test")
    full = dataclasses.replace(dataset, samples=dataset.samples[:1])
    evaluate(network, full, SMALL_A, scenes.SIZE)
    image, _ = scenes.scene(8)
    assert network.last.shape == image.shape
    enlarged = resize_image(resize_image(image, HALF), scenes.SIZE)
    np.testing.assert_array_equal(network.last, enlarged)


def test_protocol_b_leaves_small_frames_out(folder):
    network, steps = ByColour(), []
    dataset = camvid(folder, "test")
    kept = dataclasses.replace(dataset, samples=dataset.samples[:2])  # the second is small
    matrix = evaluate(network, kept, SMALL_B, scenes.SIZE, lambda *step: steps.append(step))
    assert network.seen == [scenes.SIZE]
    assert steps[-1] == (2, 2)
    assert matrix.counts.sum() == (scenes.scene(8)[1] != 255).sum()
    small = dataclasses.replace(dataset, samples=dataset.samples[1:2])
    with pytest.raises(ValueError, match=r"Expected frames of \(72, 96\) in test. Received: none"):
        evaluate(network, small, SMALL_B, scenes.SIZE)


# By names, and from the command line; the frames are of CamVid's sizes.


@pytest.fixture(scope="module")
def real_size(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real_size") / "camvid"
    return scenes.draw(folder, {"train": 1, "test": 2}, (720, 960))


def _checkpoint(path, classes=CAMVID.classes, with_metadata=True):
    model = randomise(SCMNet(num_classes=len(classes)))
    if not with_metadata:
        model.save_weights(path)
        return path
    normalisation = normalisation_of(model)
    write_checkpoint(path, model, Metadata("scmnet", {}, tuple(classes), normalisation, (64, 96)))
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights in a folder whose name looks like Rich's markup."""
    folder = tmp_path_factory.mktemp("weights") / "[" / "bold]"
    folder.mkdir(parents=True)
    return _checkpoint(folder / "random.safetensors")


def test_load(real_size, weights):
    model, frames, protocol, size = load("scmnet", weights, "camvid", real_size, "test", "A")
    assert model.output_shape[-1] == CLASSES
    assert (frames.split, len(frames.samples)) == ("test", 2)
    assert protocol is PROTOCOLS["camvid"]["A"]
    assert size == (64, 96)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "scmnat"}, "scmnat"),
        ({"weights": "camvit"}, r"\('camvid'\).*Received: weights='camvit'"),
        ({"dataset": "kitti"}, "one of camvid. Received: 'kitti'"),
        ({"split": "tests"}, "Received: split='tests'"),
        ({"protocol": "C"}, "one of A, B for camvid. Received: 'C'"),
        ({"data": "nowhere"}, "no such file"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_unknown_names_in_one_line(real_size, change, message):
    arguments = {
        "network": "scmnet",
        "weights": "camvid",
        "dataset": "camvid",
        "data": str(real_size),
        "split": "test",
        "protocol": "A",
        **change,
    }
    with pytest.raises(ValueError, match=message):
        load(**arguments)
    options = [word for key, value in arguments.items() for word in (f"--{key}", value)]
    result = runner.invoke(cli.app, ["evaluate", *options])
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("scmnet-zoo: error: ")


def test_weights_of_other_classes(real_size, tmp_path):
    other = _checkpoint(tmp_path / "other.safetensors", CAMVID.classes[::-1])
    with pytest.raises(ValueError, match=r"weights for camvid: sky, .*for bicyclist, "):
        load("scmnet", other, "camvid", real_size, "test", "A")
    bare = _checkpoint(tmp_path / "bare.weights.h5", ("a", "b"), with_metadata=False)
    with pytest.raises(ValueError, match=r"for the 11 classes of camvid.*for 2"):
        load("scmnet", str(bare), "camvid", real_size, "test", "A")


def test_command(real_size, weights):
    result = runner.invoke(
        cli.app,
        ["evaluate", "--weights", str(weights), "--data", str(real_size)],
        env={"COLUMNS": "200"},
    )
    assert result.exit_code == 0, result.stderr
    for name in (*CAMVID.classes, "mean"):
        assert name in result.stdout
    assert "protocol A" in " ".join(result.stdout.split())
    assert "(64, 96)" in result.stdout
    assert "[/bold]" in result.stdout


@pytest.mark.long
@pytest.mark.needs_shared
def test_the_shipped_weights_give_the_numbers_of_the_manifest(shared):
    entry = manifest.find("scmnet", "camvid")
    (expected,) = (r for r in entry.results if (r.split, r.protocol) == ("test", "A"))
    model, *rest = load("scmnet", "camvid", "camvid", shared / "camvid", "test", "A")
    matrix = evaluate(model, *rest)
    assert 100 * matrix.mean_iou() == pytest.approx(expected.miou, abs=0.1)
    actual = dict(zip(CAMVID.classes, 100 * matrix.iou(), strict=True))
    assert actual == pytest.approx(expected.iou, abs=0.1)
