from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scmnet_zoo.data import BDD100K, CAMVID, CITYSCAPES
from scmnet_zoo.data.masks import ColourMasks, IndexMasks, label_ids, training_ids

PATH = Path("some/mask.png")


def _image(values):
    return Image.fromarray(np.array(values, np.uint8))


def test_indices():
    masks = IndexMasks({7: 0, 200: 1, 3: 255}, "indices")
    decoded = masks.decode(_image([[7, 200], [3, 7]]), PATH)
    assert decoded.dtype == np.uint8
    assert decoded.tolist() == [[0, 1], [255, 0]]


def test_unknown_indices():
    masks = IndexMasks({0: 0, 1: 1, 2: 2, 9: 255}, "indices")
    message = (
        r"^some/mask\.png: expected indices, 0\.\.2, 9\. Received: 3, 4, 5, 6, 7, 8, 10, 11 and "
    )
    with pytest.raises(ValueError, match=message + "8 more$"):
        masks.decode(_image([list(range(20))]), PATH)


def test_advice_where_all_are_of_the_other_kind():
    masks = IndexMasks({0: 0, 1: 1}, "indices", frozenset({0, 5}), "these look like fives")
    with pytest.raises(ValueError, match=r"Received: 5; these look like fives$"):
        masks.decode(_image([[0, 5]]), PATH)
    with pytest.raises(ValueError, match=r"Received: 5, 6$"):
        masks.decode(_image([[0, 5, 6]]), PATH)
    with pytest.raises(ValueError, match=r"Received: 5$"):
        masks.decode(_image([[1, 5]]), PATH)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("RGB", r"colours \(RGB\) of 8 bits a channel; save it as PNG, .* or give the classes"),
        ("RGBA", r"colours with transparency of 8 bits a channel; save it"),
        ("CMYK", r"colours for print \(CMYK\) of 8 bits a channel; save it as PNG"),
        ("YCbCr", r"colours \(YCbCr\) of 8 bits a channel; save it as PNG"),
        ("F", "floating point; save it as PNG, with indices in grey of 8 bits"),
    ],
)
def test_modes_that_are_no_indices(mode, words):
    with pytest.raises(ValueError, match=rf"8-bit indices\. Received: {words}"):
        training_ids(CAMVID).decode(_image([[0]]).convert(mode), PATH)


def test_colours():
    masks = ColourMasks({(1, 2, 3): 0, (255, 255, 255): 1, (3, 2, 1): 255}, "colours")
    decoded = masks.decode(_image([[[1, 2, 3], [3, 2, 1]], [[255, 255, 255], [1, 2, 3]]]), PATH)
    assert decoded.dtype == np.uint8
    assert decoded.tolist() == [[0, 255], [1, 0]]


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("I;16", "grey of 16 bits a channel"),
        ("I", "grey of 32 bits a channel"),
        ("F", "floating point"),
        ("LA", "grey with transparency of 8 bits a channel"),
        ("CMYK", r"colours for print \(CMYK\) of 8 bits a channel"),
    ],
)
def test_modes_that_are_no_colours(mode, words):
    masks = ColourMasks({(0, 0, 0): 0, (255, 255, 255): 1}, "colours")
    message = rf"^some/mask\.png: expected a label of 8-bit colours\. Received: {words}; save it"
    with pytest.raises(ValueError, match=message):
        masks.decode(Image.new(mode, (2, 2)), PATH)
    assert masks.decode(Image.new("L", (1, 1), 255), PATH).tolist() == [[1]]


def test_one_colour():
    assert ColourMasks({(1, 2, 3): 4}, "colours").decode(_image([[[1, 2, 3]]]), PATH) == [[4]]


@pytest.mark.parametrize("colour", [(0, 0, 0), (1, 2, 4), (1, 3, 3), (3, 2, 1), (255, 255, 255)])
def test_unknown_colours(colour):
    """Below, between and above those that are known."""
    masks = ColourMasks({(1, 2, 3): 0, (200, 0, 0): 1}, "colours of the table")
    with pytest.raises(ValueError, match=r"mask\.png: expected colours of the table\. ") as caught:
        masks.decode(_image([[[1, 2, 3], colour, colour]]), PATH)
    assert str(caught.value).endswith(f"Received: {colour}")


def test_many_colours():
    rng = np.random.default_rng(0)
    colours = np.unique(rng.integers(0, 256, (200, 3)), axis=0)
    numbers = rng.permutation(len(colours))
    masks = ColourMasks(
        {tuple(c): int(n) for c, n in zip(colours.tolist(), numbers, strict=True)}, "colours"
    )
    places = rng.integers(0, len(colours), (20, 30))
    np.testing.assert_array_equal(masks.decode(_image(colours[places]), PATH), numbers[places])


def test_training_ids_of_every_space():
    for space in (CAMVID, CITYSCAPES, BDD100K):
        ids = [*range(len(space.labels)), 255]
        assert training_ids(space).decode(_image([ids]), PATH).tolist() == [ids]
        with pytest.raises(ValueError, match=f"Received: {len(space.labels)}$"):
            training_ids(space).decode(_image([[0, len(space.labels)]]), PATH)


def test_label_ids():
    masks = label_ids(CITYSCAPES)
    assert sorted(masks.ids) == list(range(34))
    assert masks.decode(_image([[7, 26, 33, 0, 29]]), PATH).tolist() == [[0, 13, 18, 255, 255]]
