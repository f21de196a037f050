"""What teachers see in frames: the mean of their looks, labels that stay, the file that is kept."""

import dataclasses

import keras
import numpy as np
import pytest
from PIL import Image

from scmnet_zoo.data import CAMVID, CITYSCAPES, VOID, Dataset, Sample
from scmnet_zoo.data.frames import Frames
from scmnet_zoo.data.labels import places_of
from scmnet_zoo.data.unlabelled import unlabelled
from scmnet_zoo.training import teaching
from scmnet_zoo.training.recipe import TeachingSettings
from scmnet_zoo.training.teaching import Teacher, Teaching, teach

CLASSES = ("dark", "bright")
ONE_LOOK = TeachingSettings(flip=False, confidence=0.0)


def by_brightness(sharpness=1.0, classes=2):
    """A network that takes bright pixels for the second class."""
    inputs = keras.Input((None, None, 3))
    kernel = np.zeros((1, 1, 3, classes), "float32")
    kernel[..., 1] = sharpness / 3 / 32
    bias = np.zeros(classes, "float32")
    bias[1], bias[2:] = -4.0 * sharpness, -1e3
    layer = keras.layers.Conv2D(classes, 1)
    outputs = keras.layers.Softmax()(layer(inputs))
    layer.set_weights([kernel, bias])
    return keras.Model(inputs, outputs)


def seen(images, teachers, settings=ONE_LOOK, classes=CLASSES):
    probabilities, found = Teaching(teachers, classes, settings).predict_on_batch(images)
    return np.asarray(probabilities), np.asarray(found)


@pytest.fixture
def images():
    """Two frames, dark on the left and bright on the right, the second one less so."""
    images = np.zeros((2, 8, 16, 3), np.uint8)
    images[0, :, 8:], images[1, :, 8:] = 255, 140
    return images


def test_a_look_is_what_the_network_says(images):
    network = by_brightness()
    expected = np.asarray(network.predict_on_batch(images.astype("float32")))
    probabilities, classes = seen(images, [Teacher(network, CLASSES, "one")])
    pooled = expected.reshape(2, 2, 4, 4, 4, 2).mean((2, 4))
    np.testing.assert_allclose(probabilities / 255, pooled, atol=0.003)
    np.testing.assert_array_equal(classes, expected.argmax(-1))


def test_scales_and_mirrored_images_agree_where_a_network_sees_pixel_by_pixel(images):
    plain = seen(images, [Teacher(by_brightness(), CLASSES, "one")])
    many = dataclasses.replace(ONE_LOOK, scales=(1.0, 2.0), flip=True)
    found = seen(images, [Teacher(by_brightness(), CLASSES, "one")], many)
    np.testing.assert_array_equal(found[1][:, :, [0, 1, 14, 15]], plain[1][:, :, [0, 1, 14, 15]])
    assert abs(found[0].astype(int) - plain[0]).max() < 20


def test_teachers_count_by_their_weights(images):
    sure, unsure = by_brightness(4.0), by_brightness(0.0)
    teachers = [Teacher(sure, CLASSES, "a", 3.0), Teacher(unsure, CLASSES, "b", 1.0)]
    probabilities, _ = seen(images, teachers)
    assert probabilities[0, 0, -1, 1] == pytest.approx(255 * (0.75 + 0.25 / 2), abs=2)


def test_temperature_evens_out(images):
    even = dataclasses.replace(ONE_LOOK, temperature=2.0)
    teacher = Teacher(by_brightness(), CLASSES, "one")
    hot, cold = seen(images, [teacher], even)[0], seen(images, [teacher])[0]
    odds = cold[0, 0, -1] / 255
    expected = np.sqrt(odds) / np.sqrt(odds).sum()
    np.testing.assert_allclose(hot[0, 0, -1] / 255, expected, atol=0.01)


def test_an_unsure_teacher_gives_no_class(images):
    settings = dataclasses.replace(ONE_LOOK, confidence=0.9)
    _, classes = seen(images, [Teacher(by_brightness(), CLASSES, "one")], settings)
    assert (classes[0] != VOID).all()
    assert (classes[1, :, 8:] == VOID).all()


def test_classes_are_matched_by_name(images):
    turned = Teacher(by_brightness(), ("bright", "DARK"), "turned")
    straight = Teacher(by_brightness(), CLASSES, "straight")
    np.testing.assert_array_equal(seen(images, [turned])[1], 1 - seen(images, [straight])[1])


@pytest.mark.parametrize(
    ("teachers", "said"),
    [
        ([], "Expected teachers of weights above 0"),
        ([Teacher(None, CLASSES, "w", 0.0)], "Expected teachers of weights above 0"),
        ([Teacher(None, ("dark", "red"), "w")], "w, which does not know bright"),
    ],
)
def test_teachers_that_do_not_fit(teachers, said):
    with pytest.raises(ValueError, match=said):
        Teaching(teachers, CLASSES, ONE_LOOK)


def frames_of(images, labels, space):
    """Frames of arrays, as `Frames` reads them."""
    samples = tuple(Sample(f"{n}", f"{n}.png", f"{n}.png") for n in range(len(images)))
    pairs = dict(zip(samples, zip(images, labels, strict=True), strict=True))
    return Frames(Dataset("some", "train", space, samples, pairs.get), images.shape[1:3])


class Counted:
    """Counts how often frames are shown to teachers."""

    def __init__(self, monkeypatch):
        self.count = 0
        ask = teaching._ask

        def counted(*arguments):
            self.count += 1
            return ask(*arguments)

        monkeypatch.setattr(teaching, "_ask", counted)


def test_labels_stay_and_decide_within_a_group(tmp_path):
    """CamVid's sign is a traffic light or a traffic sign, whichever is more probable."""
    count = len(CITYSCAPES.classes)
    light, sign, road, car = (
        CITYSCAPES.classes.index(n) for n in ("traffic light", "traffic sign", "road", "car")
    )
    image = np.zeros((1, 8, 16, 3), np.uint8)
    scores = np.full(count, -20.0)
    scores[[car, light, sign]] = 2.0, 1.0, 0.0  # whatever it sees

    inputs = keras.Input((None, None, 3))
    layer = keras.layers.Conv2D(count, 1)
    teacher = keras.Model(inputs, keras.layers.Softmax()(layer(inputs)))
    layer.set_weights([np.zeros((1, 1, 3, count)), scores])

    label = np.full((1, 8, 16), VOID, np.uint8)
    label[0, :, :4] = CAMVID.classes.index("road")
    label[0, :, 4:8] = CAMVID.classes.index("sign")
    label[0, :, 8:12] = CAMVID.classes.index("car")
    frames = frames_of(image, label, CAMVID)
    teachers = [Teacher(teacher, CITYSCAPES.classes, "one")]
    teach(frames, teachers, CITYSCAPES.classes, ONE_LOOK, tmp_path / "train.h5")

    found = frames.labels[0, 0, ::4].tolist()
    assert found == [road, VOID, car, car]  # the teacher says car where the label says sign
    told = frames.probabilities[0, 0] / 255
    assert told[0].argmax() == road
    assert told[0, road] == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(
        told[1, [light, sign]], np.exp([1, 0]) / np.exp([1, 0]).sum(), atol=0.01
    )
    assert told[2, car] == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(told[3], np.exp(scores) / np.exp(scores).sum(), atol=0.01)


def test_padding_is_void_and_unseen(tmp_path):
    image = np.full((8, 8, 3), 255, np.uint8)
    samples = (Sample("a", "a.png", "a.png"),)
    space = dataclasses.replace(CITYSCAPES, labels=CITYSCAPES.labels[:2])
    pair = (image, np.full((8, 8), VOID, np.uint8))
    frames = Frames(Dataset("some", "train", space, samples, lambda _: pair), (8, 24))
    teachers = [Teacher(by_brightness(), space.classes, "one")]
    teach(frames, teachers, space.classes, ONE_LOOK, tmp_path / "train.h5")
    assert frames.boxes[0].left == 8
    assert (frames.labels[0, :, 8:16] == 1).all()
    assert (frames.labels[0, :, :8] == VOID).all()
    assert not frames.probabilities[0, :, :2].any()
    assert frames.probabilities[0, :, 2:4, 1].min() > 200


def test_what_teachers_see_is_kept(tmp_path, images, monkeypatch):
    asked = Counted(monkeypatch)
    space = dataclasses.replace(CITYSCAPES, labels=CITYSCAPES.labels[:2])
    labels = np.full(images.shape[:3], VOID, np.uint8)
    teacher = Teacher(by_brightness(), space.classes, "one")

    def again(teachers, settings=ONE_LOOK):
        frames = frames_of(images, labels, space)
        teach(frames, teachers, space.classes, settings, tmp_path / "train.h5")
        return frames

    first = again([teacher])
    second = again([teacher])
    assert asked.count == 1
    np.testing.assert_array_equal(first.probabilities, second.probabilities)
    np.testing.assert_array_equal(first.labels, second.labels)
    again([dataclasses.replace(teacher, name="another")])
    again([teacher], dataclasses.replace(ONE_LOOK, confidence=0.99))
    assert asked.count == 3
    (tmp_path / "train.h5").write_bytes(b"no HDF5")
    again([teacher])
    assert asked.count == 4


def test_sides_are_multiples_of_four(tmp_path):
    images, labels = np.zeros((1, 6, 8, 3), np.uint8), np.zeros((1, 6, 8), np.uint8)
    with pytest.raises(ValueError, match=r"multiples of 4\. Received: 6x8"):
        teach(frames_of(images, labels, CAMVID), [], (), ONE_LOOK, tmp_path / "train.h5")


def test_camvid_comprises_classes_of_cityscapes():
    """The 19 classes as 11, by the published correspondence."""
    names = [CAMVID.classes[place] for place in places_of(CITYSCAPES.classes, CAMVID.classes)]
    assert dict(zip(CITYSCAPES.classes, names, strict=True)) == {
        "road": "road",
        "sidewalk": "sidewalk",
        "building": "building",
        "wall": "building",
        "fence": "fence",
        "pole": "pole",
        "traffic light": "sign",
        "traffic sign": "sign",
        "vegetation": "tree",
        "terrain": "tree",
        "sky": "sky",
        "person": "pedestrian",
        "rider": "bicyclist",
        "car": "car",
        "truck": "car",
        "bus": "car",
        "train": "car",
        "motorcycle": "bicyclist",
        "bicycle": "bicyclist",
    }


def test_parts_are_known_of_camvid_alone():
    assert places_of(("car", "truck"), ("car", "road")) == (0, VOID)


@pytest.fixture
def folder(tmp_path):
    for number in range(20):
        path = tmp_path / "frames" / f"{number % 2}" / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 4), (number, 0, 0)).save(path)
    return tmp_path / "frames"


def test_every_tenth_image_is_held_out(folder):
    train, val = (unlabelled(folder, split, CITYSCAPES) for split in ("train", "val"))
    assert [len(train.samples), len(val.samples)] == [18, 2]
    assert not {s.name for s in train.samples} & {s.name for s in val.samples}
    image, label = train.read(train.samples[0])
    assert image.shape == (4, 8, 3)
    assert (label == VOID).all()


def test_lists_choose_images(folder):
    (folder / "val.txt").write_text("0/00.png\n1/01.png\n")
    names = [sample.name for sample in unlabelled(folder, "val", CITYSCAPES).samples]
    assert names == ["0/00", "1/01"]
    assert len(unlabelled(folder, "train", CITYSCAPES).samples) == 18
    (folder / "train.txt").write_text("0/00\n0/02\n")
    names = [sample.name for sample in unlabelled(folder, "train", CITYSCAPES).samples]
    assert names == ["0/02"]


def test_too_few_images_and_another_split(folder):
    with pytest.raises(ValueError, match="split to be one of"):
        unlabelled(folder, "test", CITYSCAPES)
    for path in list(folder.rglob("*.png"))[5:]:
        path.unlink()
    with pytest.raises(ValueError, match=r"Expected 10 images or more.*Received: 5, none of"):
        unlabelled(folder, "val", CITYSCAPES)
