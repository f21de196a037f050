"""Colours and names of the classes of one's own data."""

import json

import numpy as np
import pytest
from PIL import Image

from scmnet_zoo.data import folder, match_classes
from scmnet_zoo.data.check import check
from scmnet_zoo.data.folder import class_table
from scmnet_zoo.data.labels import palette_for
from scmnet_zoo.predict import Result

COLOURS = ((10, 200, 30), (250, 0, 0), (0, 0, 250))
NAMES = ("a", "b", "c")
LABEL = np.arange(35, dtype=np.uint8).reshape(5, 7) % 3
IN_COLOURS = Image.fromarray(np.array(COLOURS, np.uint8)[LABEL])
BLACK = ((0, 0, 0), *COLOURS[1:])


def _draw(root, table, mask):
    for split in ("train", "val"):
        for kind, image in (("images", Image.new("RGB", (7, 5))), ("masks", mask)):
            (root / kind / split).mkdir(parents=True)
            image.save(root / kind / split / "0.png")
    (root / "classes.toml").write_text(table, encoding="utf-8")
    return root


def _table(*keys):
    """Names, and further keys of each class."""
    rows = [f'[[class]]\nname = "{name}"\n' for name in NAMES]
    return "".join(row + "".join(f"{key[n]}\n" for key in keys) for n, row in enumerate(rows))


def _paletted(colours, values=LABEL):
    image = Image.fromarray(values)
    image.putpalette([channel for colour in colours for channel in colour])
    return image


def _colour_keys(word="colour"):
    return [f"{word} = {list(colour)}" for colour in COLOURS]


def _index_keys(indices):
    return [f"index = {index}" for index in indices]


@pytest.mark.parametrize("word", ["colour", "color"])
def test_both_spellings(tmp_path, word):
    root = _draw(tmp_path, _table(_colour_keys(word)), IN_COLOURS)
    (root / "classes.toml").write_text(
        f"void_{word}s = [[1, 1, 1]]\n" + _table(_colour_keys(word)), encoding="utf-8"
    )
    data = folder(root, "train")
    assert data.space.palette == COLOURS
    assert data.read.masks.ids[(1, 1, 1)] == 255
    np.testing.assert_array_equal(data.read(data.samples[0])[1], LABEL)


def test_both_spellings_at_once(tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text(_table(_colour_keys(), _colour_keys("color")))
    with pytest.raises(ValueError, match=r"expected colour once\. Received: color besides"):
        class_table(path)


BOTH = _table(_index_keys((0, 1, 2)), _colour_keys())
PALETTES = {
    "names alone": (_table(), _paletted(COLOURS), COLOURS),
    "indices": (
        _table(_index_keys((7, 5, 6))),
        _paletted(
            [(9, 9, 9)] * 5 + [COLOURS[1], COLOURS[2], COLOURS[0]], np.array([7, 5, 6], "u1")[LABEL]
        ),
        COLOURS,
    ),
    "a class that is black": (
        _table(),
        _paletted(((0, 0, 0), *COLOURS[1:])),
        ((0, 0, 0), *COLOURS[1:]),
    ),
    "grey masks": (_table(), Image.fromarray(LABEL), None),
    "a palette of greys": (_table(), _paletted([(n, n, n) for n in range(256)]), None),
    "a palette of one colour": (_table(), _paletted([(0, 0, 0)] * 256), None),
    "a palette with a colour twice": (_table(), _paletted((COLOURS[0], *COLOURS[:2])), None),
    "a palette too short": (_table(_index_keys((0, 1, 200))), _paletted(COLOURS, LABEL % 2), None),
    "colours in the table": (
        _table(_index_keys((0, 1, 2)), _colour_keys()),
        _paletted(COLOURS[::-1]),
        COLOURS,
    ),
}


@pytest.mark.parametrize(("table", "mask", "expected"), PALETTES.values(), ids=PALETTES)
def test_colours_of_the_masks(tmp_path, table, mask, expected):
    root = _draw(tmp_path, table, mask)
    spaces = [folder(root, split).space for split in ("train", "val")]
    assert spaces[0] == spaces[1]
    assert spaces[0].palette == (palette_for(NAMES) if expected is None else expected)


def test_all_splits_have_one_palette(tmp_path):
    """Also where only some masks have one, so that a pack of all of them is possible."""
    root = _draw(tmp_path, _table(), _paletted(COLOURS))
    Image.fromarray(LABEL).save(root / "masks/val/0.png")
    assert folder(root, "val").space.palette == COLOURS


def test_a_mask_that_cannot_be_read_does_not_hide_the_rest(tmp_path):
    root = _draw(tmp_path, _table(), _paletted(COLOURS))
    (root / "masks/train/0.png").write_bytes(b"no image")
    data = folder(root, "val")
    assert data.space.palette == palette_for(NAMES)


FED = {
    "names alone": (_table(), Image.fromarray(LABEL)),
    "a palette": (_table(), _paletted(COLOURS)),
    "colours alone": (_table(_colour_keys()), IN_COLOURS),
    "places as indices, and colours": (BOTH, _paletted(COLOURS)),
    "other indices": (
        _table(_index_keys((2, 0, 1))),
        Image.fromarray(np.array([2, 0, 1], np.uint8)[LABEL]),
    ),
    "indices of a binary mask's kind": (
        _table(_index_keys((0, 128, 255))),
        Image.fromarray(np.array([0, 128, 255], np.uint8)[LABEL]),
    ),
    "other indices, and colours": (
        _table(_index_keys((9, 1, 7)), _colour_keys()),
        Image.fromarray(np.array([9, 1, 7], np.uint8)[LABEL]),
    ),
}


def _result(mask, palette, names=NAMES):
    photo, shares = np.zeros((5, 7, 3), np.uint8), dict.fromkeys(names, 1 / len(names))
    return Result(photo, mask, names, palette, shares, 0.0)


@pytest.mark.parametrize(("table", "mask"), FED.values(), ids=FED)
@pytest.mark.parametrize("classes", [3, 2])
def test_a_predicted_mask_is_a_label(tmp_path, table, mask, classes):
    root = _draw(tmp_path / "own", table, mask)
    space = folder(root, "train").space
    predicted = LABEL[::-1] % classes
    _result(predicted, space.palette).save(tmp_path, "0")
    (tmp_path / "0_mask.png").rename(root / "masks/train/0.png")
    data = folder(root, "train")
    assert data.space == space
    np.testing.assert_array_equal(data.read(data.samples[0])[1], predicted)
    assert not [one for one in check("folder", root, ["train"]).errors if one.kind == "ids"]


def test_classes_of_a_predicted_mask_are_known_by_their_names(tmp_path):
    """The dataset may have them in another order, and more of them."""
    root = _draw(tmp_path / "own", _table(), Image.fromarray(LABEL))
    _result(LABEL % 2, COLOURS[:2], ("c", "a")).save(tmp_path, "0")
    (tmp_path / "0_mask.png").rename(root / "masks/train/0.png")
    data = folder(root, "train")
    expected = np.array([2, 0], np.uint8)[LABEL % 2]
    np.testing.assert_array_equal(data.read(data.samples[0])[1], expected)


def _without_text(image):
    image.info.clear()
    return image


def _with_other_palette(image):
    image.putpalette([1, 2, 3] * 3)
    return image


def _with_text(text):
    def change(image):
        image.info["scmnet_zoo"] = text
        return image

    return change


CHANGED = {
    "by a program that drops the text": _without_text,
    "by a program that sorts the palette": _with_other_palette,
    "to grey": lambda image: Image.fromarray(np.asarray(image)),
    "to no JSON": _with_text("{"),
    "to another JSON": _with_text("[1]"),
    "to numbers": _with_text(json.dumps({"classes": [1, 2, 3], "palette": COLOURS})),
    "to lists without end": _with_text("[" * 100_000),
    "to too few names": _with_text(json.dumps({"classes": ["a"], "palette": [COLOURS[0]]})),
    "to names of others": _with_text(json.dumps({"classes": ["a", "b", "d"], "palette": COLOURS})),
    "to a name twice": _with_text(json.dumps({"classes": ["a", "a", "b"], "palette": COLOURS})),
    "to names without colours": _with_text(json.dumps({"classes": NAMES, "palette": 3})),
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_a_predicted_mask_that_was_changed_is_read_like_others(tmp_path, change):
    _draw(tmp_path / "own", _table(_index_keys((2, 0, 1))), Image.fromarray(LABEL))
    _result(LABEL, COLOURS).save(tmp_path, "0")
    masks = class_table(tmp_path / "own/classes.toml")[1]
    with Image.open(tmp_path / "0_mask.png") as image:
        image.load()
        np.testing.assert_array_equal(masks.decode(image, tmp_path), LABEL)
        changed = masks.decode(change(image), tmp_path)
    np.testing.assert_array_equal(changed, np.array([1, 2, 0], np.uint8)[LABEL])


# Composed and decomposed letters.

FORMS = (
    ("Stra\u00dfe", "Stra\u00dfe"),
    ("\u00e9", "e\u0301"),
    ("\u0439", "\u0438\u0306"),
    ("\uac00", "\u1100\u1161"),
)


@pytest.mark.parametrize(("one", "other"), FORMS)
def test_names_of_two_forms_are_one(tmp_path, one, other):
    path = tmp_path / "classes.toml"
    path.write_text(f'[[class]]\nname = "{other}"\n[[class]]\nname = "b"\n', encoding="utf-8")
    assert class_table(path)[0].classes == (one, "b")
    assert match_classes((other,), ("b", one)) == match_classes((one,), ("b", other)) == (1,)
    path.write_text(f'[[class]]\nname = "{other}"\n[[class]]\nname = "{one}"\n', encoding="utf-8")
    with pytest.raises(ValueError, match=rf"each name once\. Received: '{one}' twice"):
        class_table(path)


def test_frames_of_two_forms_are_a_pair(tmp_path):
    root = _draw(tmp_path, _table(), Image.fromarray(LABEL))
    (root / "images/train/0.png").rename(root / "images/train/e\u0301.png")
    (root / "masks/train/0.png").rename(root / "masks/train/\u00e9.png")
    (sample,) = folder(root, "train").samples
    assert sample.name == "\u00e9"
    assert sample.image.is_file()
    assert sample.label.is_file()
