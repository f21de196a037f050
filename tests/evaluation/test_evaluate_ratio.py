"""Evaluation keeps the aspect ratio of frames, as `segment` does; networks of one layer."""

import dataclasses
import logging

import keras
import numpy as np
import pytest
from PIL import Image

from scmnet_zoo.data import CAMVID, Dataset, Sample, camvid, packed, write_pack
from scmnet_zoo.data.ratio import has_ratio_of
from scmnet_zoo.evaluation import FULL, PROTOCOLS, evaluate
from scmnet_zoo.predict import network_size

TRAINED = (48, 64)
# (height, width) of frames, and whether they are of that ratio.
FRAMES = {
    "its own": ((96, 128), True),
    "half": ((24, 32), True),
    "a pixel off": ((95, 128), True),
    "portrait": ((160, 90), False),
    "square": ((80, 80), False),
    "panorama": ((100, 400), False),
    "a line": ((1, 200), False),
}


class Bars(keras.layers.Layer):
    """Says 1 where the image is bright; keeps the sizes it was compiled for."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def call(self, images):
        self.seen.append(tuple(images.shape[1:3]))
        bright = images[..., 0] / 255.0
        return keras.ops.stack([1 - bright, bright], axis=-1)


def _network():
    inputs, layer = keras.Input((None, None, 3)), Bars()
    network = keras.Model(inputs, layer(inputs))
    layer.seen.clear()
    return network, layer


def _dataset(*sizes):
    pairs = {}
    for number, size in enumerate(sizes):
        label = np.zeros(size, np.uint8)
        label[size[0] // 4 : size[0] // 2 + 1, size[1] // 3 : size[1] // 2 + 1] = 1
        pairs[str(number)] = np.repeat(label[..., None] * np.uint8(255), 3, -1), label
    samples = tuple(Sample(name, f"{name}.png", f"{name}_label.png") for name in pairs)
    space = dataclasses.replace(CAMVID, labels=CAMVID.labels[:2])
    return Dataset("made up", "val", space, samples, lambda sample: pairs[sample.name])


@pytest.mark.parametrize(("frame", "same"), FRAMES.values(), ids=FRAMES)
def test_frames_are_seen_as_segment_sees_them(frame, same, caplog):
    network, layer = _network()
    with caplog.at_level(logging.WARNING, "scmnet_zoo"):
        scores = evaluate(network, _dataset(frame), FULL, TRAINED)
    assert scores.seen == {network_size(*frame, TRAINED): 1}
    assert set(layer.seen) == set(scores.seen)
    assert (TRAINED in scores.seen) == same == has_ratio_of(frame, TRAINED)
    assert not [one for one in caplog.records if one.name.startswith("scmnet_zoo")]
    assert scores.pixel_accuracy() > 0.9


def test_ratios_mixed_in_a_split():
    network, _ = _network()
    scores = evaluate(network, _dataset((96, 128), (160, 90), (48, 64), (90, 160)), FULL, TRAINED)
    portrait, wide = network_size(160, 90, TRAINED), network_size(90, 160, TRAINED)
    assert scores.seen == {TRAINED: 2, portrait: 1, wide: 1}
    assert next(iter(scores.seen)) == TRAINED
    assert portrait == wide[::-1]
    assert scores.frames == 4


def test_a_size_that_is_given_is_the_size_seen(caplog):
    """With a warning that counts and names."""
    network, layer = _network()
    dataset = _dataset((96, 128), (160, 90), (90, 160))
    with caplog.at_level(logging.WARNING):
        scores = evaluate(network, dataset, FULL, TRAINED, squash=True)
    assert scores.seen == {TRAINED: 3}
    assert set(layer.seen) == {TRAINED}
    (record,) = [one for one in caplog.records if one.name.startswith("scmnet_zoo")]
    assert "2 of 3 images are of another aspect ratio than 48x64" in record.message
    assert "1.png" in record.message


def test_without_a_size_each_is_seen_at_its_own():
    network, _ = _network()
    scores = evaluate(network, _dataset((40, 30), (33, 97)), FULL)
    assert scores.seen == {(40, 30): 1, (33, 97): 1}
    assert scores.mean_iou() == 1.0


def test_a_pack_is_seen_without_its_padding(tmp_path):
    network, _ = _network()
    dataset = _dataset((160, 90), (96, 128))
    write_pack([dataset], (160, 213), tmp_path / "pack.h5")
    scores = evaluate(network, packed(tmp_path / "pack.h5", "val"), FULL, TRAINED)
    assert scores.seen == {network_size(160, 90, TRAINED): 1, TRAINED: 1}
    assert scores.matrix.counts.sum() == 160 * 90 + 160 * 213


@pytest.mark.needs_shared
def test_every_frame_of_camvid_is_seen_as_before(shared):
    """All are of the ratio of 720x960, so what was measured on CamVid stays what it was."""
    for path in (shared / "camvid" / "images").iterdir():
        with Image.open(path) as image:
            assert has_ratio_of(image.size[::-1], (720, 960))


@pytest.mark.needs_shared
@pytest.mark.parametrize("protocol", ["A", "B"])
def test_camvids_protocols_are_the_same_to_the_bit(shared, protocol):
    network, _ = _network()
    dataset = camvid(shared / "camvid", "train")
    dataset = dataclasses.replace(dataset, samples=dataset.samples[::183])
    found, before = (
        evaluate(network, dataset, PROTOCOLS["camvid"][protocol], (720, 960), squash=squash)
        for squash in (False, True)
    )
    assert found.seen == before.seen == {(720, 960): found.frames}
    np.testing.assert_array_equal(found.matrix.counts, before.matrix.counts)
