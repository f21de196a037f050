"""The protocols, with networks of one layer; the shipped weights on the real frames is long."""

import dataclasses

import keras
import numpy as np
import pytest
import scenes
from testing_tools import randomise
from typer.testing import CliRunner

from scmnet_zoo import SCMNet, cli
from scmnet_zoo.data import CAMVID, CITYSCAPES, READERS, bdd100k, camvid, write_pack
from scmnet_zoo.data import folder as own_folder
from scmnet_zoo.evaluation import FULL, PROTOCOLS, Protocol, evaluate, load, protocol_of
from scmnet_zoo.evaluation.inference import resize_scores
from scmnet_zoo.evaluation.protocol import reduce_label, resize_image
from scmnet_zoo.training.start import normalisation_of
from scmnet_zoo.weights import Metadata, write_checkpoint

HALF = tuple(side // 2 for side in scenes.SIZE)
SMALL_A = Protocol("A", HALF, False, "all, at half size")
SMALL_B = Protocol("B", scenes.SIZE, True, "full frames only")
CLASSES = len(CAMVID.labels)

runner = CliRunner()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return scenes.draw(tmp_path_factory.mktemp("evaluate") / "camvid")


class ByColour(keras.layers.Layer):
    """Knows the classes' colours; keeps the sizes it was compiled for."""

    def __init__(self, palette):
        super().__init__()
        self.colours = np.array(palette, "float32")
        self.seen = []

    def call(self, images):
        self.seen.append(tuple(images.shape[1:3]))
        colours = keras.ops.convert_to_tensor(self.colours)
        distances = keras.ops.sum((images[..., None, :] - colours) ** 2, axis=-1)
        return keras.ops.one_hot(keras.ops.argmin(distances, -1), len(self.colours))


def by_colour(palette=CAMVID.palette):
    """A network that knows the classes' colours, and the layer that keeps the sizes."""
    inputs, layer = keras.Input((None, None, 3)), ByColour(palette)
    network = keras.Model(inputs, layer(inputs))
    layer.seen.clear()
    return network, layer


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


def _resized(scores, size):
    return keras.ops.convert_to_numpy(resize_scores(keras.ops.convert_to_tensor(scores), size))


def test_probabilities_are_averaged_over_blocks():
    scores = np.random.default_rng(0).random((2, 6, 8, 3)).astype("float32")
    reduced = _resized(scores, (3, 2))
    assert reduced.shape == (2, 3, 2, 3)
    expected = scores[:, 2:4, 4:8].mean(axis=(1, 2))
    np.testing.assert_allclose(reduced[:, 1, 1], expected, rtol=1e-6)
    assert resize_scores(scores, (6, 8)) is scores
    assert _resized(scores, (12, 20)).shape == (2, 12, 20, 3)
    assert _resized(scores, (4, 5)).shape == (2, 4, 5, 3)


def test_the_average_decides_not_the_majority():
    scores = np.array([[[[0.6, 0.4], [0.6, 0.4]], [[0.6, 0.4], [0.0, 1.0]]]], "float32")
    assert _resized(scores, (1, 1)).argmax(-1).item() == 1


def test_a_perfect_network(folder):
    network, _ = by_colour()
    dataset = camvid(folder, "test")
    full = dataclasses.replace(dataset, samples=dataset.samples[:1])
    scores = evaluate(network, full, SMALL_B, scenes.SIZE)
    assert scores.mean_iou() == scores.pixel_accuracy() == 1.0
    assert scores.matrix.counts.sum() == (scenes.scene(8)[1] != 255).sum()
    assert scores.frames == 1
    assert scores.instances is None
    assert scores.means()["category_miou"] == 1.0
    assert np.isnan(scores.means()["niou"])


def test_protocol_a_takes_all_frames(folder):
    (network, layer), steps = by_colour(), []
    dataset = camvid(folder, "test")
    scores = evaluate(network, dataset, SMALL_A, HALF, progress=lambda *step: steps.append(step))
    assert set(layer.seen) == {HALF}
    assert steps == [(1, 3), (2, 3), (3, 3)]
    labels = [scenes.scene(number)[1][1::2, 0::2] for number in (8, 9, 10)]
    assert scores.matrix.counts.sum() == sum((label != 255).sum() for label in labels)
    assert scores.frames == 3
    assert 0.8 < scores.pixel_accuracy() <= 1  # 2x2 means mix colours at the borders


def test_protocol_a_shows_no_more_than_its_size(folder):
    """At a larger input the network sees the reduced image enlarged, not the full one."""
    network, layer = by_colour()
    dataset = camvid(folder, "test")
    full = dataclasses.replace(dataset, samples=dataset.samples[:1])
    matrix = evaluate(network, full, SMALL_A, scenes.SIZE).matrix
    assert set(layer.seen) == {scenes.SIZE}
    image, label = scenes.scene(8)
    enlarged = resize_image(resize_image(image, HALF), scenes.SIZE)
    expected, other = (
        _counts(label[1::2, 0::2], _by_hand(seen).reshape(36, 2, 48, 2, CLASSES).mean((1, 3)))
        for seen in (enlarged, image)
    )
    np.testing.assert_array_equal(matrix.counts, expected)
    assert (expected != other).any()


def _by_hand(image):
    """What `by_colour` gives, (height, width, classes)."""
    distances = ((image[..., None, :].astype(float) - np.array(CAMVID.palette)) ** 2).sum(-1)
    return np.eye(CLASSES)[distances.argmin(-1)]


def _counts(label, scores):
    counts = np.zeros((CLASSES, CLASSES), int)
    valid = label != 255
    np.add.at(counts, (label[valid], scores.argmax(-1)[valid]), 1)
    return counts


def test_protocol_b_leaves_small_frames_out(folder):
    (network, layer), steps = by_colour(), []
    dataset = camvid(folder, "test")
    kept = dataclasses.replace(dataset, samples=dataset.samples[:2])  # the second is small
    scores = evaluate(
        network, kept, SMALL_B, scenes.SIZE, progress=lambda *step: steps.append(step)
    )
    assert set(layer.seen) == {scenes.SIZE}
    assert steps[-1] == (2, 2)
    assert scores.frames == 1
    assert scores.matrix.counts.sum() == (scenes.scene(8)[1] != 255).sum()
    small = dataclasses.replace(dataset, samples=dataset.samples[1:2])
    with pytest.raises(ValueError, match=r"Expected frames of \(72, 96\) in test. Received: none"):
        evaluate(network, small, SMALL_B, scenes.SIZE)


def test_every_dataset_has_a_protocol():
    assert set(PROTOCOLS) == set(READERS)
    assert protocol_of("camvid") is PROTOCOLS["camvid"]["A"]
    assert protocol_of("cityscapes") is protocol_of("folder", "full") is FULL


def test_full_compares_at_the_size_of_the_label(folder):
    """Frames of CamVid whose images are half as large as their labels, or twice."""
    network, layer = by_colour()
    dataset = camvid(folder, "test")
    scores = evaluate(network, dataset, FULL)
    assert set(layer.seen) == {scenes.SIZE, HALF}
    labels = [dataset.read(sample)[1] for sample in dataset.samples]
    assert scores.matrix.counts.sum() == sum((label != 255).sum() for label in labels)
    assert scores.pixel_accuracy() > 0.9


def test_one_s_own_classes(tmp_path):
    dataset = own_folder(scenes.draw_folder(tmp_path / "own"), "val")
    places = [255] * CLASSES
    for number, (*_, names) in enumerate(scenes.OWN_CLASSES):
        for name in names:
            places[CAMVID.classes.index(name)] = number
    scores = evaluate(by_colour()[0], dataset, FULL, places=tuple(places))
    assert scores.left_out == ()
    assert scores.pixel_accuracy() == 1.0
    assert set(scores.category_iou()) == {"ground", "moving", "rest"}


def test_a_dataset_in_the_classes_of_another(tmp_path):
    """A network with CamVid's classes on BDD100K: eleven are known, the others left out."""
    data = scenes.draw_bdd100k(tmp_path / "bdd100k")
    weights = _checkpoint(tmp_path / "camvid.safetensors")
    task = load("scmnet", weights, "bdd100k", data, "val")
    assert task.protocol is FULL
    by_name = {
        name: "void" if place == 255 else CITYSCAPES.classes[place]
        for name, place in zip(CAMVID.classes, task.places, strict=True)
    }
    assert by_name["tree"] == "vegetation"
    assert by_name["bicyclist"] == "rider"
    colours = [
        dict(zip(CITYSCAPES.classes, CITYSCAPES.palette, strict=True))[name]
        for name in by_name.values()
    ]
    scores = evaluate(by_colour(colours)[0], *task[1:3], None, task.places)
    assert scores.left_out == tuple(n for n in CITYSCAPES.classes if n not in by_name.values())
    assert len(scores.left_out) == 8
    iou = scores.iou()
    assert all(np.isnan(iou[name]) for name in scores.left_out)
    assert all(iou[name] > 0.5 for name in by_name.values())
    known = [CITYSCAPES.classes.index(name) for name in by_name.values()]
    dataset = bdd100k(data, "val")
    labels = np.stack([dataset.read(sample)[1] for sample in dataset.samples])
    assert scores.matrix.counts.sum() == np.isin(labels, known).sum()


def test_classes_in_another_order(folder, tmp_path):
    weights = _checkpoint(tmp_path / "reversed.safetensors", CAMVID.classes[::-1])
    task = load("scmnet", weights, "camvid", folder, "test")
    assert task.places == tuple(range(CLASSES))[::-1]
    full = dataclasses.replace(task.dataset, samples=task.dataset.samples[:1])
    network, _ = by_colour(CAMVID.palette[::-1])
    assert evaluate(network, full, SMALL_B, None, task.places).mean_iou() == 1.0


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


def test_a_pack_has_no_sizes_that_a_protocol_could_go_by(folder, weights, tmp_path):
    pack = tmp_path / "test.h5"
    write_pack([camvid(folder, "test")], (72, 96), pack)
    assert len(load("scmnet", weights, "camvid", pack, "test", "A").dataset.samples) == 3
    with pytest.raises(ValueError, match=r"folder of camvid for protocol B.*test\.h5, a pack"):
        load("scmnet", weights, "camvid", pack, "test", "B")


def test_weights_that_know_a_class_by_its_name_do_not_answer_for_its_synonym(tmp_path, caplog):
    """Riders stay riders; that bicyclists are left out is said."""
    root = scenes.draw_folder(tmp_path / "own")
    table = root / "classes.toml"
    names = [line for line in table.read_text().splitlines() if line.startswith("name = ")]
    text = table.read_text().replace(names[0], 'name = "rider"')
    table.write_text(text.replace(names[1], 'name = "bicyclist"'))
    path = _checkpoint(tmp_path / "riders.safetensors", ("road", "rider"))
    task = load("scmnet", path, "folder", root, "val")
    assert task.places[1] == 0
    assert "left out: bicyclist" in caplog.text


def test_load(real_size, weights):
    model, frames, protocol, size, places = load(
        "scmnet", weights, "camvid", real_size, "test", "A"
    )
    assert model.output_shape[-1] == CLASSES
    assert (frames.split, len(frames.samples)) == ("test", 2)
    assert protocol is PROTOCOLS["camvid"]["A"]
    assert size == (64, 96)
    assert places is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "scmnat"}, "scmnat"),
        ({"weights": "camvit"}, r"'camvid'.*Received: weights='camvit'"),
        ({"dataset": "kitti"}, "one of camvid, .*Received: 'kitti'"),
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
    other = _checkpoint(tmp_path / "other.safetensors", ("cat", "dog"))
    with pytest.raises(ValueError, match=r"weights for camvid: sky, .*for cat, dog"):
        load("scmnet", other, "camvid", real_size, "test", "A")
    bare = _checkpoint(tmp_path / "bare.weights.h5", ("a", "b"), with_metadata=False)
    with pytest.raises(ValueError, match=r"for the 11 classes of camvid.*for 2"):
        load("scmnet", str(bare), "camvid", real_size, "test", "A")


# Of every twelfth of CamVid's test frames, by protocol A, on TensorFlow on a CPU. All frames
# take minutes; `scmnet-zoo evaluate --stated` measures them and compares with the manifest.
TWELFTH = {
    "sky": 94.03,
    "building": 88.21,
    "pole": 43.26,
    "road": 96.14,
    "sidewalk": 87.34,
    "tree": 80.28,
    "sign": 51.15,
    "fence": 22.26,
    "car": 90.79,
    "pedestrian": 65.33,
    "bicyclist": 80.38,
}


@pytest.mark.long
@pytest.mark.needs_shared
def test_the_shipped_weights_are_as_good_as_they_were(shared):
    task = load("scmnet", "camvid", "camvid", shared / "camvid", "test", "A")
    samples = task.dataset.samples[::12]
    scores = evaluate(*task._replace(dataset=dataclasses.replace(task.dataset, samples=samples)))
    assert {name: 100 * value for name, value in scores.iou().items()} == pytest.approx(
        TWELFTH, abs=0.3
    )
