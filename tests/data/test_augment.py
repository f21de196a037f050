"""Augmentation, on the backend that runs; all backends agree in `test_backends_agree`."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from augment_outputs import ALL, noise, outputs
from keras import ops

from scmnet_zoo.data.augment import Augment, Augmentation, _inside, _nearest, _sample
from scmnet_zoo.data.labels import CAMVID, VOID


def _augment(images, labels, seed=0, **settings):
    settings = Augmentation(**{"crop": images.shape[1:3], **settings})
    layer = Augment(settings, seed, CAMVID.classes)
    return [ops.convert_to_numpy(x) for x in layer(images, labels)]


def test_nothing_drawn_nothing_changed():
    images, labels = noise()
    changed, same_labels = _augment(images, labels)
    assert (changed.dtype, same_labels.dtype) == (np.float32, np.int32)
    np.testing.assert_allclose(changed, images, atol=1.01e-3)
    np.testing.assert_array_equal(same_labels, labels)


def test_flip_mirrors_image_and_label():
    images, labels = noise()
    mirrored, mirrored_labels = _augment(images, labels, flip=1.0)
    np.testing.assert_allclose(mirrored, images[:, :, ::-1], atol=1.01e-3)
    np.testing.assert_array_equal(mirrored_labels, labels[:, :, ::-1])


def test_flip_is_drawn_for_each_frame():
    images, labels = noise(batch=64, height=8, width=8)
    _, flipped = _augment(images, labels, flip=0.5)
    mirrored = [(f == g[:, ::-1]).all() for f, g in zip(flipped, labels, strict=True)]
    kept = [(f == g).all() for f, g in zip(flipped, labels, strict=True)]
    assert all(m != k for m, k in zip(mirrored, kept, strict=True))
    assert 16 < sum(mirrored) < 48


def test_the_seed_decides():
    def drawn(seed):
        layer = Augment(ALL, seed, CAMVID.classes)
        return [ops.convert_to_numpy(layer(*noise())[0]) for _ in range(2)]

    first, again, other = drawn(0), drawn(0), drawn(1)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert np.abs(first[0] - first[1]).max() > 10  # each call draws anew
    assert np.abs(first[0] - other[0]).max() > 10


def _painted(batch=16, height=48, width=64, seed=0):
    """Patches of three classes, and the same painted in pure red, green and blue."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(0, 3, (batch, height // 8, width // 8))
    labels = patches.repeat(8, axis=1).repeat(8, axis=2).astype(np.uint8)
    return 255 * np.eye(3, dtype=np.uint8)[labels], labels


@pytest.mark.parametrize("scale", [(0.5, 0.5), (0.5, 2.0), (2.0, 2.0), (0.9, 1.1)])
def test_the_label_follows_the_image(scale):
    """A mixture of patches is never pure, so a pure pixel tells which label it must have."""
    image, label = _augment(*_painted(), crop=(40, 56), scale=scale, flip=0.5)
    inside = label != 255
    pure = (image.max(-1) > 254) & inside
    assert pure.sum() > 0.4 * inside.sum()
    np.testing.assert_array_equal(image.argmax(-1)[pure], label[pure])
    # On the borders of patches the nearest pixel weighs most in rows and in columns.
    assert (image.argmax(-1) == label)[inside].mean() > 0.93


def test_what_lies_outside_is_void():
    """Frames full of class 3, shrunk to half their size in a window of the frame's size."""
    images = np.full((16, 48, 64, 3), 200, np.uint8)
    labels = np.full((16, 48, 64), 3, np.uint8)
    _, shrunk = _augment(images, labels, scale=(0.5, 0.5))
    assert set(np.unique(shrunk)) == {3, 255}
    for label in shrunk:
        rows, columns = np.nonzero(label == 3)
        sides = rows.max() - rows.min() + 1, columns.max() - columns.min() + 1
        assert abs(sides[0] - 24) <= 1
        assert abs(sides[1] - 32) <= 1
        assert (label == 3).sum() == sides[0] * sides[1]


def test_a_window_larger_than_the_frame():
    images, labels = noise(height=20, width=30)
    image, label = _augment(images, labels, crop=(44, 62))
    assert image.shape == (8, 44, 62, 3)
    assert label.shape == (8, 44, 62)
    for drawn, original in zip(label, labels, strict=True):
        found = np.sort(drawn[drawn != 255])
        assert abs(len(found) - (original != 255).sum()) <= 62
    assert len({bytes(drawn) for drawn in label}) > 1  # somewhere else in each


def test_windows_move_over_the_whole_frame():
    """Labels that number the columns: the windows start from the left end to the right end."""
    batch, width, crop = 200, 100, 20
    labels = np.broadcast_to(np.arange(width, dtype=np.uint8), (batch, 8, width))
    images = np.zeros((batch, 8, width, 3), np.uint8)
    _, drawn = _augment(images, labels, crop=(8, crop))
    starts = drawn[:, 0, 0]
    assert (np.diff(drawn[:, 0], axis=1) == 1).all()
    assert starts.min() < 5
    assert width - crop - 5 < starts.max() <= width - crop
    assert 255 not in drawn


def test_scales_are_drawn_between_their_limits():
    batch, width = 200, 200
    labels = np.broadcast_to(np.arange(width, dtype=np.uint8), (batch, 8, width))
    images = np.zeros((batch, 8, width, 3), np.uint8)
    _, drawn = _augment(images, labels, crop=(2, 51), scale=(0.5, 2.0))
    scale = 50 / (drawn[:, 0, -1] - drawn[:, 0, 0])
    assert 0.45 < scale.min() < 0.6
    assert 1.7 < scale.max() < 2.2
    assert 0.35 < (scale < 1).mean() < 0.65  # as many shrunk as enlarged


def test_values_stay_on_their_scale():
    images, labels = noise()
    strong = Augmentation(
        crop=(48, 64), brightness=0.9, contrast=0.9, saturation=1.0, tint=0.5, gamma=1.0, noise=60
    )
    for frames in (images, np.zeros_like(images), np.full_like(images, 255)):
        image, _ = Augment(strong)(frames, labels)
        image = ops.convert_to_numpy(image)
        assert np.isfinite(image).all()
        assert image.min() >= 0
        assert image.max() <= 255


@pytest.mark.parametrize(
    "change",
    [
        {"brightness": 0.3},
        {"contrast": 0.3},
        {"saturation": 0.4},
        {"tint": 0.1},
        {"gamma": 0.3},
        {"noise": 4.0},
        {"blur": 1.0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_change_of_the_image_leaves_the_label(change):
    images, labels = noise()
    image, label = _augment(images, labels, **change)
    np.testing.assert_array_equal(label, labels)
    difference = np.abs(image - images).mean(axis=(1, 2, 3))
    assert (difference > 0.02).all()
    assert len(set(difference.tolist())) == len(difference)


def test_noise_has_the_standard_deviation_asked_for_at_most():
    images = np.full((64, 32, 32, 3), 128, np.uint8)
    image, _ = _augment(images, images[..., 0], noise=10.0)
    deviations = (image - images).std(axis=(1, 2, 3))
    assert deviations.max() < 11
    assert 3.5 < deviations.mean() < 6.5


def test_blur_is_the_2x2_mean_and_back():
    """On patches of 2x2 pixels the mean is exact; between them lies the linear interpolation."""
    images, labels = noise(batch=4, height=16, width=16)
    image, _ = _augment(images, labels, blur=1.0)
    mean = images.reshape(4, 8, 2, 8, 2, 3).mean(axis=(2, 4))
    at = np.clip((np.arange(16) + 0.5) / 2 - 0.5, 0, 7)
    low = np.floor(at).astype(int)
    share, high = at - low, np.minimum(low + 1, 7)
    rows = mean[:, low] + (mean[:, high] - mean[:, low]) * share[:, None, None]
    expected = rows[:, :, low] + (rows[:, :, high] - rows[:, :, low]) * share[:, None]
    np.testing.assert_allclose(image, expected, atol=0.01)


def test_blur_is_drawn_for_each_frame():
    images, labels = noise(batch=64, height=8, width=8)
    image, _ = _augment(images, labels, blur=0.5)
    blurred = (np.abs(image - images).max(axis=(1, 2, 3)) > 1).sum()
    assert 16 < blurred < 48


def test_mix_pastes_classes_of_the_frame_before():
    images, labels = noise()
    image, label = _augment(images, labels, mix=1.0, mix_classes=("pole", "bicyclist"))
    others, other_labels = np.roll(images, 1, axis=0), np.roll(labels, 1, axis=0)
    pasted = np.isin(other_labels, (2, 10))
    np.testing.assert_array_equal(label, np.where(pasted, other_labels, labels))
    np.testing.assert_allclose(image, np.where(pasted[..., None], others, images), atol=1.01e-3)
    assert ((label == VOID) & (labels != VOID)).sum() == 0


def test_mix_is_drawn_for_each_frame():
    images, labels = noise(batch=64, height=8, width=8)
    _, mixed = _augment(images, labels, mix=0.5, mix_classes=("road", "car"))
    others = np.roll(labels, 1, axis=0)
    expected = np.where(np.isin(others, (3, 8)), others, labels)
    changed = [(m == e).all() for m, e in zip(mixed, expected, strict=True)]
    kept = [(m == one).all() for m, one in zip(mixed, labels, strict=True)]
    assert all(c != k for c, k in zip(changed, kept, strict=True))
    assert 16 < sum(changed) < 48


def test_mix_follows_the_windows():
    """What is pasted is as the other window shows it, label and colour alike."""
    images, labels = _painted()
    settings = {"crop": (40, 56), "scale": (0.5, 2.0), "flip": 0.5}
    plain, plain_labels = _augment(images, labels, **settings)
    image, label = _augment(images, labels, **settings, mix=1.0, mix_classes=("building",))
    pasted = np.roll(plain_labels, 1, axis=0) == 1
    np.testing.assert_array_equal(label, np.where(pasted, 1, plain_labels))
    expected = np.where(pasted[..., None], np.roll(plain, 1, axis=0), plain)
    np.testing.assert_allclose(image, expected, atol=1.01e-3)


def test_cut_pastes_a_rectangle_of_the_window_before():
    """All of it lies in the window, of the window's shape, image and label alike."""
    images, labels = noise(batch=64, height=48, width=64)
    labels[:] = np.arange(64, dtype=np.uint8)[:, None, None]  # the number of the frame
    image, label = _augment(images, labels, cut=1.0)
    before = np.roll(np.arange(64), 1)
    shares = []
    for number, (drawn, ids) in enumerate(zip(image, label, strict=True)):
        pasted = ids == before[number]
        assert (ids[~pasted] == number).all()
        rows, columns = pasted.any(axis=1), pasted.any(axis=0)
        np.testing.assert_array_equal(pasted, rows[:, None] & columns[None, :])
        for side in (rows, columns):  # without a gap
            assert (np.diff(np.flatnonzero(side)) == 1).all()
        assert abs(rows.mean() - columns.mean()) <= 1 / 48 + 1 / 64
        shares.append(pasted.mean())
        expected = np.where(pasted[..., None], images[before[number]], images[number])
        np.testing.assert_allclose(drawn, expected, atol=1.01e-3)
    assert min(shares) < 0.15
    assert max(shares) > 0.85
    assert 0.35 < np.mean(shares) < 0.65


def test_cut_is_drawn_for_each_frame_and_lies_anywhere():
    images, labels = noise(batch=128, height=24, width=24)
    labels[:] = (np.arange(128, dtype=np.uint8) % 2)[:, None, None]
    _, label = _augment(images, labels, cut=0.5)
    pasted = label != labels
    changed = pasted.any(axis=(1, 2))
    assert 40 < changed.sum() < 88
    for corner in (pasted[:, 0], pasted[:, -1], pasted[:, :, 0], pasted[:, :, -1]):
        reached = corner.any(axis=1)[changed].mean()
        assert 0.05 < reached < 0.95


def test_nothing_is_drawn_for_what_is_off():
    """So that runs of recipes without it stay as they were."""
    images, labels = noise()
    settings = {"scale": (0.5, 2.0), "flip": 0.5, "brightness": 0.3, "noise": 4.0, "blur": 0.5}
    plain = _augment(images, labels, **settings)
    off = _augment(images, labels, **settings, cut=0.0, mix=0.0, mix_classes=("pole",))
    for one, other in zip(plain, off, strict=True):
        np.testing.assert_array_equal(one, other)


def test_mixed_classes_must_be_known():
    settings = Augmentation((8, 8), mix=0.5, mix_classes=("pole", "bicycle"))
    with pytest.raises(ValueError, match=r"among sky, building.*Received: bicycle$"):
        Augment(settings, classes=CAMVID.classes)


def test_sampling_against_a_loop():
    images, _ = noise(batch=2, height=7, width=5)
    positions = np.array(
        [[-2.0, -0.51, -0.5, 0.0, 1.25, 3.49, 6.0, 6.49, 9.0], np.linspace(-1, 8, 9)], "float32"
    )
    actual = ops.convert_to_numpy(
        _sample(ops.convert_to_tensor(images, "float32"), ops.convert_to_tensor(positions), 1)
    )
    nearest = ops.convert_to_numpy(_nearest(ops.convert_to_tensor(positions), 7))
    inside = ops.convert_to_numpy(_inside(ops.convert_to_tensor(positions), 7))
    for frame in range(2):
        for index, position in enumerate(positions[frame]):
            within = min(max(position, 0), 6)
            low = int(np.floor(within))
            high = min(low + 1, 6)
            above, below = images[frame, high].astype(float), images[frame, low].astype(float)
            expected = below + (above - below) * (within - low)
            np.testing.assert_allclose(actual[frame, index], expected, atol=1e-3)
            assert inside[frame, index] == (-0.5 < position < 6.5)
            if inside[frame, index]:
                assert abs(nearest[frame, index] - position) <= 0.5
    np.testing.assert_allclose(
        ops.convert_to_numpy(
            _sample(
                ops.convert_to_tensor(images.swapaxes(1, 2), "float32"),
                ops.convert_to_tensor(positions),
                2,
            )
        ),
        actual.swapaxes(1, 2),
        atol=1e-3,
    )


@pytest.mark.backends
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="which is compared")
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_agree(backend, tmp_path):
    """What the same draws give, the other backend in a process of its own."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    target = tmp_path / "outputs.npz"
    done = subprocess.run(
        [sys.executable, Path(__file__).parent / "augment_outputs.py", target],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    images, labels = outputs()
    assert images.std() > 20
    with np.load(target) as actual:
        assert actual["backend"] == backend
        # A position may round to the other side of a pixel's edge.
        assert (actual["labels"] == labels).mean() > 0.999
        np.testing.assert_allclose(actual["images"], images, atol=0.05)
