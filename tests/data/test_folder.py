import logging
import os
import shutil

import numpy as np
import pytest
import scenes
from PIL import Image

from scmnet_zoo.data.folder import class_table, folder
from scmnet_zoo.data.lists import listed_names
from scmnet_zoo.images import read_image

KINDS = ["index", "palette", "colour"]


@pytest.fixture
def root(tmp_path):
    return scenes.draw_folder(tmp_path / "own")


@pytest.fixture
def table(tmp_path):
    """Writes a table of classes and reads it."""

    def read(text):
        path = tmp_path / "classes.toml"
        path.write_text(text, encoding="utf-8")
        return class_table(path)

    return read


def _classes(*rows):
    return "".join(f"[[class]]\n{row}\n" for row in rows)


def _decode(masks, array, mode=None, palette=None):
    image = Image.fromarray(np.asarray(array, np.uint8))
    if palette is not None:
        image.putpalette(palette)
    return masks.decode(image if mode is None else image.convert(mode), "mask.png").tolist()


@pytest.mark.parametrize("lists", [False, True])
@pytest.mark.parametrize("masks", KINDS)
def test_pixels(tmp_path, masks, lists):
    root = scenes.draw_folder(tmp_path / "own", masks, lists=lists)
    number = 0
    for split, count in scenes.COUNTS.items():
        dataset = folder(str(root), split)
        assert (dataset.name, dataset.split) == ("folder", split)
        assert [sample.name for sample in dataset.samples] == [
            f"{split}_{index:03d}" for index in range(count)
        ]
        for sample in dataset.samples:
            image, label = dataset.read(sample)
            drawn_image, drawn_label = scenes.own_scene(number)
            number += 1
            np.testing.assert_array_equal(image, drawn_image)
            np.testing.assert_array_equal(label, drawn_label)
            assert (image.dtype, label.dtype) == (np.uint8, np.uint8)
    assert set(np.unique(label)) == {0, 1, 2, 3, 255}


@pytest.mark.parametrize("masks", KINDS)
def test_the_label_space(tmp_path, masks):
    space = folder(scenes.draw_folder(tmp_path / "own", masks), "train").space
    names, indices, colours, categories, _ = zip(*scenes.OWN_CLASSES, strict=True)
    assert (space.name, space.classes) == ("folder", names)
    assert [label.category for label in space.labels] == list(categories)
    assert space.categories == ("ground", "moving", "rest")
    assert space.ids == ((0, 1, 2, 3) if masks == "colour" else indices)
    if masks == "index":
        assert len(set(space.palette)) == 4
    else:
        assert space.palette == colours
    assert space.void_ids == (() if masks == "colour" else (254,))


def test_files_of_many_formats(tmp_path):
    """Stems and folders in a split make the name, whatever the formats and the case of suffixes."""
    root = scenes.draw_folder(tmp_path / "own", counts={"train": 1})
    (root / "images/train/train_000.png").unlink()
    (root / "masks/train/train_000.png").unlink()
    formats = [("a.jpg", "a.png"), ("b.JPEG", "b.bmp"), ("c.png", "c.PNG"), ("d.webp", "d.tif")]
    formats += [("e.bmp", "e.tiff"), ("drive/a.tif", "drive/a.png"), ("a-1.tiff", "a-1.png")]
    for place, (image_file, mask_file) in enumerate(formats):
        image, label = scenes.own_scene(place)
        for kind, file in (("images", image_file), ("masks", mask_file)):
            path = root / kind / "train" / file
            path.parent.mkdir(exist_ok=True)
            array = image if kind == "images" else np.asarray(scenes.own_mask(label, "index"))
            Image.fromarray(array).save(path)
    dataset = folder(root, "train")
    names = ["a", "a-1", "b", "c", "d", "drive/a", "e"]
    assert [sample.name for sample in dataset.samples] == names
    for sample, place in zip(dataset.samples, [0, 6, 1, 2, 3, 5, 4], strict=True):
        image, label = dataset.read(sample)
        drawn_image, drawn_label = scenes.own_scene(place)
        np.testing.assert_array_equal(label, drawn_label)
        assert np.abs(image.astype(int) - drawn_image).mean() < 8


def test_grey_images_are_read_as_rgb(root):
    dataset = folder(root, "val")
    Image.open(dataset.samples[0].image).convert("L").save(dataset.samples[0].image)
    image, _ = dataset.read(dataset.samples[0])
    assert image.shape == (*scenes.SIZE, 3)
    assert (image[..., 0] == image[..., 2]).all()


# Faults of the files


def test_a_missing_mask(root):
    (root / "masks/val/val_001.png").unlink()
    message = r"the label .*masks/val/val_001\.png of .*images/val/val_001\.png\. Received: no such"
    with pytest.raises(ValueError, match=message):
        folder(root, "val")
    assert len(folder(root, "train").samples) == 6


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp"])
def test_a_lossy_mask(root, suffix):
    (root / "masks/val/val_001.png").rename(root / f"masks/val/val_001{suffix}")
    message = rf"lossless mask of .*val_001\.png, .*Received: .*masks/val/val_001\{suffix}"
    with pytest.raises(ValueError, match=message):
        folder(root, "val")


def test_masks_without_an_image(root, caplog):
    (root / "images/train/train_001.png").unlink()
    (root / "images/train/train_004.png").unlink()
    with caplog.at_level(logging.WARNING):
        assert len(folder(root, "train").samples) == 4
    assert len(caplog.records) == 1
    assert "2 labels have no image" in caplog.text
    assert "masks/train/train_001.png" in caplog.text


def test_nothing_is_said_of_a_whole_split(root, caplog):
    folder(root, "train")
    assert caplog.text == ""


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_two_files_of_one_name(root, kind):
    shutil.copy(root / kind / "val/val_001.png", root / kind / "val/val_001.tif")
    message = rf"one file named val_001 in .*{kind}/val\. Received: val_001\.png and val_001\.tif"
    with pytest.raises(ValueError, match=message):
        folder(root, "val")


def test_an_empty_split(root):
    (root / "images/new").mkdir()
    (root / "masks/new").mkdir()
    (root / "images/new/notes.md").write_text("none yet")
    with pytest.raises(ValueError, match=r"\*\.jpg, .*images/new\. Received: none"):
        folder(root, "new")


def test_a_split_that_is_not_there(root):
    message = r"images/trian or the list .*trian\.txt\. Received: test, train, val$"
    with pytest.raises(ValueError, match=message):
        folder(root, "trian")


@pytest.mark.parametrize("split", ["", "..", "a/b", "."])
def test_a_split_that_is_no_name(root, split):
    with pytest.raises(ValueError, match=r"name of a folder\. Received: split="):
        folder(root, split)


def test_a_list_that_is_not_there(tmp_path):
    root = scenes.draw_folder(tmp_path / "own", lists=True)
    message = r"trian\.txt\. Received: test\.txt, train\.txt, val\.txt$"
    with pytest.raises(ValueError, match=message):
        folder(root, "trian")


def test_neither_folders_nor_lists(tmp_path):
    root = scenes.draw_folder(tmp_path / "own", lists=True, counts={"train": 1})
    (root / "train.txt").unlink()
    with pytest.raises(ValueError, match="Received: neither folders nor lists"):
        folder(root, "train")


def test_lists(tmp_path, caplog):
    root = scenes.draw_folder(tmp_path / "own", lists=True)
    (root / "few.txt").write_bytes(b"\xef\xbb\xbfval_001\r\n\r\n train_000 \r\n")
    dataset = folder(root, "few")
    assert [sample.name for sample in dataset.samples] == ["val_001", "train_000"]
    assert caplog.text == ""
    (root / "few.txt").write_text("val_007\n")
    with pytest.raises(ValueError, match=r"image val_007, named in .*few\.txt\. Received: no such"):
        folder(root, "few")
    (root / "few.txt").write_text("\n")
    with pytest.raises(ValueError, match=r"at least one frame name in .*few\.txt\. Received: none"):
        folder(root, "few")
    (root / "few.txt").write_bytes(b"stra\xdfe\n")
    with pytest.raises(ValueError, match=r"Expected .*few\.txt in UTF-8\. Received: "):
        folder(root, "few")
    (root / "masks/val_001.png").unlink()
    with pytest.raises(
        ValueError, match=r"the label .*masks/val_001\.png of .*images/val_001\.png"
    ):
        folder(root, "val")


def test_no_masks_of_a_split(root):
    shutil.rmtree(root / "masks/val")
    with pytest.raises(ValueError, match=r"the folder .*masks/val\. Received: no such file"):
        folder(root, "val")


@pytest.mark.parametrize("given", ["images", "images/train", "masks", ".."])
def test_the_wrong_folder(root, given):
    with pytest.raises(ValueError, match=r"images and masks\. Received: .*perhaps .*own is meant"):
        folder((root / given).resolve(), "train")


@pytest.mark.parametrize("name", ["images", "masks"])
def test_a_folder_that_may_not_be_read(root, monkeypatch, name):
    scandir = os.scandir

    def refuse(path):
        if os.fspath(path) == str(root / name / "train"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)  # root may read everything, so chmod will not do
    message = rf"the folder .*{name}/train\. Received: permission denied"
    with pytest.raises(ValueError, match=message):
        folder(root, "train")


def test_an_index_of_no_class(root):
    dataset = folder(root, "train")
    Image.fromarray(np.full(scenes.SIZE, 255, np.uint8)).save(dataset.samples[0].label)
    message = r"train_000\.png: expected indices of .*toml, 0, 3, 10, 77, 254\. Received: 255"
    with pytest.raises(ValueError, match=message):
        dataset.read(dataset.samples[0])


def test_colours_where_the_table_has_none(root):
    dataset = folder(root, "train")
    scenes.own_mask(scenes.own_scene(0)[1], "colour").save(dataset.samples[0].label)
    with pytest.raises(ValueError, match=r"train_000\.png: expected a label of 8-bit indices"):
        dataset.read(dataset.samples[0])


def test_a_colour_of_no_class(tmp_path):
    root = scenes.draw_folder(tmp_path / "own", "colour")
    dataset = folder(root, "train")
    Image.new("RGB", scenes.SIZE[::-1], (9, 9, 9)).save(dataset.samples[0].label)
    message = r"train_000\.png: expected colours of .*Received: \(9, 9, 9\); .*in void_colours$"
    with pytest.raises(ValueError, match=message):
        dataset.read(dataset.samples[0])


@pytest.mark.parametrize("masks", ["index", "palette"])
def test_a_16_bit_mask_of_larger_values_is_refused(tmp_path, masks):
    dataset = folder(scenes.draw_folder(tmp_path / "own", masks), "train")
    Image.fromarray(np.full(scenes.SIZE, 256, np.uint16)).save(dataset.samples[0].label)
    expected = (
        r"train_000\.png: .*8-bit indices\. Received: grey of 16 bits .* from 256 to 256; save"
    )
    with pytest.raises(ValueError, match=expected):
        dataset.read(dataset.samples[0])


# The table


def test_a_table_of_names_alone(table):
    space, masks = table(_classes('name = "road"', 'name = "car"'))
    assert space.ids == (0, 1)
    assert space.categories == ("road", "car")
    assert _decode(masks, [[1, 0, 255]]) == [[1, 0, 255]]
    with pytest.raises(ValueError, match=r"0\.\.1, 255\. Received: 2; give the class that"):
        _decode(masks, [[2]])


def test_255_may_be_a_class(table):
    _, masks = table(_classes('name = "rest"\nindex = 0', 'name = "road"\nindex = 255'))
    assert _decode(masks, [[0, 255]]) == [[0, 1]]


def test_void_indices(table):
    _, masks = table("void_indices = [2, 7]\n" + _classes('name = "a"', 'name = "b"'))
    assert _decode(masks, [[0, 2, 7, 1]]) == [[0, 255, 255, 1]]
    with pytest.raises(ValueError, match="Received: 255"):
        _decode(masks, [[255]])


BOTH = (
    "void_colours = [[0, 0, 0]]\n"
    + _classes(
        'name = "a"\nindex = 4\ncolour = [10, 20, 30]', 'name = "b"\nindex = 2\ncolour = [9, 9, 9]'
    )
)  # fmt: skip


def test_indices_and_colours(table):
    """Grey and palette masks go by their indices, whatever colours they show; RGB by colours."""
    _, masks = table(BOTH)
    assert _decode(masks, [[4, 2, 255]]) == [[0, 1, 255]]
    assert _decode(masks, [[4, 2, 255]], palette=[9] * 768) == [[0, 1, 255]]
    colours = [[[10, 20, 30], [9, 9, 9], [0, 0, 0]]]
    assert _decode(masks, colours) == [[0, 1, 255]]
    assert _decode(masks, colours, "RGBA") == [[0, 1, 255]]
    with pytest.raises(ValueError, match="8-bit indices"):
        _decode(masks, [[0.0]], "F")


def test_colours_alone(table):
    """Here a palette mask goes by the colours that it shows: the table says nothing of indices."""
    _, masks = table(
        _classes('name = "a"\ncolour = [10, 20, 30]', 'name = "b"\ncolour = [9, 9, 9]')
    )
    assert _decode(masks, [[1, 0]], palette=[9, 9, 9, 10, 20, 30]) == [[0, 1]]
    assert _decode(masks, [[9]]) == [[1]]
    with pytest.raises(ValueError, match=r"Received: \(1, 1, 1\)"):
        _decode(masks, [[1]])


def test_no_table(root):
    (root / "classes.toml").unlink()
    with pytest.raises(
        ValueError, match=r"the table of classes .*classes\.toml\. Received: no such"
    ):
        folder(root, "train")


A, B = 'name = "a"', 'name = "b"'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[class]", r"expected TOML\. Received: .*line 1"),
        (f"x = {'[' * 5000}{']' * 5000}", r"expected TOML\. Received: too deeply nested lists"),
        (f"x = {'9' * 5000}", r"expected TOML\. Received: Exceeds the limit"),
        ("", r"expected a \[\[class\]\] for each class\. Received: None"),
        ("class = []", r"\[\[class\]\].*Received: \[\]"),
        ('class = ["road"]', r"\[\[class\]\].*Received: \['road'\]"),
        (
            "".join(_classes(f'name = "{n}"') for n in range(256)),
            "at most 255 classes. Received: 256",
        ),
        (
            "void = [3]\n" + _classes(A),
            r"among class, void_indices, void_colours, mask_suffix\. Received: void$",
        ),
        (_classes(A + "\nshade = [1, 2, 3]"), r"among name, index, .*Received: shade$"),
        (_classes("index = 1"), r"a text as each class's name\. Received: None"),
        (_classes('name = " "'), r"a text as each class's name\. Received: ' '"),
        (_classes("name = 7"), r"a text as each class's name\. Received: 7"),
        (_classes(A + "\ncategory = 1"), r"a text as each class's category\. Received: 1"),
        (_classes(A, B, A), r"each name once\. Received: 'a' twice"),
        (_classes(A + "\nindex = 1", B + "\nindex = 1"), r"each index once\. Received: 1 twice"),
        (
            _classes(A + "\ncolour = [1, 2, 3]", B + "\ncolour = [1, 2, 3]"),
            r"each colour once\. Received: \(1, 2, 3\) twice",
        ),
        ("void_indices = [1]\n" + _classes(A, B), r"each index once\. Received: 1 twice"),
        (
            "void_colours = [[1, 2, 3]]\n" + _classes(A + "\ncolour = [1, 2, 3]"),
            r"each colour once\. Received: \(1, 2, 3\) twice",
        ),
        (_classes(A + "\nindex = 1", B), r"for each class or for none: index\. .*none for 'b'"),
        (_classes(A, B + "\ncolour = [1, 2, 3]"), r"or for none: colour\. Received: none for 'a'"),
        (_classes(A + "\nindex = 256"), r"an index from 0 to 255\. Received: 256"),
        (_classes(A + "\nindex = -1"), r"an index from 0 to 255\. Received: -1"),
        (_classes(A + "\nindex = true"), r"an index from 0 to 255\. Received: True"),
        (_classes(A + "\nindex = 1.0"), r"an index from 0 to 255\. Received: 1\.0"),
        (_classes(A + '\ncolour = "red"'), r"\[red, green, blue\]\. Received: 'red'"),
        (_classes(A + "\ncolour = [1, 2]"), r"\[red, green, blue\]\. Received: \[1, 2\]"),
        (_classes(A + "\ncolour = [1, 2, 256]"), r"0 to 255 a channel\. Received: \[1, 2, 256\]"),
        ("void_indices = 3\n" + _classes(A), r"a list as void_indices\. Received: 3"),
        ("void_colours = [[1, 2, 3]]\n" + _classes(A), r"expected no void_colours, as no class"),
        (
            "void_indices = [3]\n" + _classes(A + "\ncolour = [1, 2, 3]"),
            r"expected no void_indices, as no class",
        ),
        (_classes(A), r"two classes or more, for one object 'background' .*Received: 'a' alone"),
        ("void_indices = [0]\n" + _classes(A + "\nindex = 1"), r"two classes or more, .*'a' alone"),
        (_classes(A + "\ncolour = [1, 2, 3]"), r"two classes or more, .*Received: 'a' alone"),
    ],
)
def test_a_faulty_table(table, text, message):
    with pytest.raises(ValueError, match=rf"classes\.toml: .*{message}") as caught:
        table(text)
    assert "\n" not in str(caught.value)


def test_a_table_in_another_encoding(tmp_path):
    (tmp_path / "classes.toml").write_bytes('[[class]]\nname = "Straße"\n'.encode("latin-1"))
    with pytest.raises(ValueError, match=r"classes\.toml: expected TOML\. Received: 'utf-8' codec"):
        class_table(tmp_path / "classes.toml")


def test_a_table_with_a_byte_order_mark(tmp_path):
    text = _classes('name = "Straße"', 'name = "Gleis"')
    (tmp_path / "classes.toml").write_bytes(text.encode("utf-8-sig"))
    assert class_table(tmp_path / "classes.toml")[0].classes == ("Straße", "Gleis")


def test_a_photograph_is_read_upright(root):
    """As `segment` reads it: masks are drawn over what a viewer shows."""
    dataset = folder(root, "train")
    sample = dataset.samples[0]
    image, label = dataset.read(sample)
    turned = Image.fromarray(np.ascontiguousarray(image[::-1, ::-1]))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    turned.save(sample.image, exif=exif)
    np.testing.assert_array_equal(read_image(sample.image), image)
    np.testing.assert_array_equal(dataset.read(sample)[0], image)
    np.testing.assert_array_equal(dataset.read(sample)[1], label)


@pytest.mark.parametrize("read", [class_table, lambda path: listed_names(path, ())])
def test_a_pipe_is_not_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match=r"pipe\. Received: something that is not a file$"):
        read(tmp_path / "pipe")


def test_a_table_that_is_far_too_large(tmp_path):
    path = tmp_path / "classes.toml"
    with path.open("wb") as file:
        file.truncate(2**40)  # of holes, which take no room
    with pytest.raises(
        ValueError, match=r"classes\.toml\. Received: a file of more than 64 million bytes"
    ):
        class_table(path)
