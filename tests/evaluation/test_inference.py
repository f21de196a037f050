"""Each way of asking a network against its definition in NumPy, on a network of one layer."""

import keras
import numpy as np
import pytest
from keras import ops

from scmnet_zoo.evaluation import Inference, Predictor
from scmnet_zoo.evaluation.inference import cover, positions

CLASSES = 5
SIZE = (40, 56)


@pytest.fixture(scope="module")
def network():
    """A 3x3 convolution and a softmax; the same at any size, but not mirrored."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Rescaling(1 / 64, -2)(inputs)
    x = keras.layers.Conv2D(CLASSES, 3, padding="same", kernel_initializer="random_normal")(x)
    model = keras.Model(inputs, keras.layers.Softmax()(x * 8))
    return model


def _image(size=SIZE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def _masks(network, inference, images, sizes=(SIZE,), places=None):
    predictor = Predictor(network, inference, sizes, places)
    predictor.compile(jit_compile=keras.backend.backend() == "jax")
    masks = predictor.predict_on_batch([image[None] for image in images])
    assert all(mask.dtype == np.uint8 for mask in masks)
    assert [mask.shape for mask in masks] == [(1, *size) for size in sizes]
    return [mask[0] for mask in masks]


def _answer(network, image):
    """Probabilities (h, w, classes) of an image."""
    return np.asarray(network.predict(image[None].astype("float32"), verbose=0)[0], np.float64)


def _bilinear(scores, size):
    """Bilinear with half-pixel centres, by hand."""
    for axis, side in enumerate(size):
        old = scores.shape[axis]
        where = np.clip((np.arange(side) + 0.5) * old / side - 0.5, 0, old - 1)
        low = np.floor(where).astype(int)
        high = np.minimum(low + 1, old - 1)
        share = (where - low).reshape([-1 if i == axis else 1 for i in range(3)])
        below, above = np.take(scores, low, axis), np.take(scores, high, axis)
        scores = below * (1 - share) + above * share
    return scores


def _assert_decided(mask, scores):
    """The mask is the largest score's, but where two are alike up to rounding."""
    ranked = np.sort(scores, axis=-1)
    clear = ranked[..., -1] - ranked[..., -2] > 1e-5
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(mask[clear], scores.argmax(-1)[clear])


def _flipped(network, image):
    mirrored = _answer(network, image[:, ::-1])[:, ::-1]
    return (_answer(network, image) + mirrored) / 2


def _windows(network, image, window, step):
    """The average of windows, by a loop over them."""
    height, width = image.shape[:2]
    rows, columns = min(window[0], height), min(window[1], width)
    total, counts = np.zeros((height, width, CLASSES)), np.zeros((height, width, 1))
    tops = sorted({*range(0, height - rows, step[0]), height - rows})
    lefts = sorted({*range(0, width - columns, step[1]), width - columns})
    for top in tops:
        for left in lefts:
            area = np.s_[top : top + rows, left : left + columns]
            total[area] += _answer(network, image[area])
            counts[area] += 1
    assert counts.min() == 1
    return total / counts


def test_a_single_look(network):
    image = _image()
    (mask,) = _masks(network, Inference(), [image])
    _assert_decided(mask, _answer(network, image))
    assert len(np.unique(mask)) == CLASSES


@pytest.mark.parametrize("size", [(20, 28), (80, 112), (30, 50)])
def test_masks_of_other_sizes(network, size):
    image = _image()
    scores = _answer(network, image)
    own, mask = _masks(network, Inference(), [image], (SIZE, size))
    _assert_decided(own, scores)
    if size == (20, 28):
        expected = scores.reshape(20, 2, 28, 2, CLASSES).mean(axis=(1, 3))
    else:
        expected = _bilinear(scores, size)
    _assert_decided(mask, expected)


def test_flip(network):
    image = _image()
    (mask,) = _masks(network, Inference(flip=True), [image])
    _assert_decided(mask, _flipped(network, image))
    assert (mask != _answer(network, image).argmax(-1)).any()


def test_scales(network):
    inference = Inference(scales=(0.8, 1, 1.5))
    sizes = inference.input_sizes(SIZE)
    assert sizes == ((32, 45), SIZE, (60, 84))
    images = [_image(size, seed) for seed, size in enumerate(sizes)]
    (mask,) = _masks(network, inference, images)
    expected = sum(_bilinear(_answer(network, image), SIZE) for image in images) / 3
    _assert_decided(mask, expected)


def test_sides_are_not_below_what_networks_take():
    assert Inference(scales=(0.1,)).input_sizes(SIZE) == ((32, 32),)
    assert Inference().input_sizes((8, 9)) == ((8, 9),)


@pytest.mark.parametrize(
    ("window", "step"),
    [((32, 33), (21, 22)), ((32, 99), (21, 37)), ((99, 40), (27, 27))],
)
def test_windows(network, window, step):
    image = _image()
    (mask,) = _masks(network, Inference(window=window), [image])
    expected = _windows(network, image, window, step)
    _assert_decided(mask, expected)
    assert (np.abs(expected - _answer(network, image)) > 1e-3).any()


def test_a_window_that_holds_the_image(network):
    image = _image()
    (mask,) = _masks(network, Inference(window=(64, 64)), [image])
    _assert_decided(mask, _answer(network, image))


def test_everything_together(network):
    inference = Inference(scales=(1, 1.5), flip=True, window=(32, 40), overlap=0.5)
    images = [_image(), _image((60, 84), 1)]
    (mask,) = _masks(network, inference, images)
    expected = 0
    for image in images:
        plain = _windows(network, image, (32, 40), (16, 20))
        mirrored = _windows(network, image[:, ::-1], (32, 40), (16, 20))[:, ::-1]
        expected = expected + _bilinear((plain + mirrored) / 2, SIZE)
    _assert_decided(mask, expected)
    assert inference.title() == "scales 1, 1.5; flipped; windows of 32x40"
    assert Inference().title() == ""


def test_places(network):
    image = _image()
    (mask,) = _masks(network, Inference(), [image], places=(7, 255, 0, 18, 3))
    expected = np.array([7, 255, 0, 18, 3])[_answer(network, image).argmax(-1)]
    assert (mask != expected).mean() < 0.01


def test_a_network_with_auxiliary_heads(network):
    inputs = keras.Input((None, None, 3))
    scores = network(inputs)
    several = keras.Model(inputs, {"aux": 1 - scores, "main": scores})
    image = _image()
    (mask,) = _masks(several, Inference(window=(32, 32)), [image])
    _assert_decided(mask, _windows(network, image, (32, 32), (21, 21)))


def test_only_masks_come_back(network):
    """No output has an axis of classes."""
    predictor = Predictor(network, Inference(flip=True), (SIZE, (20, 28)))
    outputs = predictor([ops.convert_to_tensor(_image()[None])])
    assert [tuple(output.shape) for output in outputs] == [(1, *SIZE), (1, 20, 28)]


@pytest.mark.parametrize(
    ("side", "window", "overlap", "expected"),
    [
        (10, 10, 0.5, [0]),
        (10, 4, 0, [0, 4, 6]),
        (12, 4, 0, [0, 4, 8]),
        (10, 4, 0.5, [0, 2, 4, 6]),
        (10, 9, 0.5, [0, 1]),
        (5, 2, 0.99, [0, 1, 2, 3]),
    ],
)
def test_positions(side, window, overlap, expected):
    assert positions(side, window, overlap) == expected
    counts = cover(side, window, expected)
    assert counts.min() >= 1
    assert counts.sum() == window * len(expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scales": ()}, r"Received: \(\)"),
        ({"scales": (1, 0)}, r"Received: \(1, 0\)"),
        ({"scales": (float("nan"),)}, r"Received: \(nan,\)"),
        ({"scales": (17,)}, r"Received: \(17,\)"),
        ({"window": (31, 64)}, r"at least 32 pixels. Received: \(31, 64\)"),
        ({"overlap": 1}, "Received: 1"),
        ({"overlap": -0.1}, "Received: -0.1"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        Inference(**arguments)


def test_a_network_of_another_output_size():
    inputs = keras.Input((None, None, 3))
    network = keras.Model(inputs, keras.layers.Conv2D(2, 1, strides=2)(inputs))
    predictor = Predictor(network, Inference(window=(32, 32)), (SIZE,))
    with pytest.raises(ValueError, match=r"windows of 32x32 at their size. Received: \(16, 16\)"):
        predictor([ops.convert_to_tensor(_image()[None])])
