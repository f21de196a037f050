"""Folders of a dataset in every layout that is read, and what disorder people's folders have."""

import contextlib
import os
import random
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
from mutations import mutated
from pictures import ORDINARY, encoded
from PIL import Image
from tables import Table, drawn, whole

from scmnet_zoo.data.camvid_classes import ORIGINAL_CLASSES

# The folders of images and labels, what the names of files end in, and whether lists name them.
LAYOUTS = {
    "camvid": (
        ("images", "labels", ".webp", ".png", True),
        ("{split}", "{split}annot", ".png", ".png", False),
        ("701_StillsRaw_full", "LabeledApproved_full", ".png", "_L.png", True),
        ("{split}", "{split}_labels", ".png", "_L.png", False),
        ("images", "labels", ".png", "_P.png", False),
    ),
    "folder": (
        ("JPEGImages", "SegmentationClass", ".jpg", ".png", False),
        ("{split}", "{split}", ".jpg", "_mask.png", False),
    ),
    "cityscapes": (
        (
            "leftImg8bit/{split}/x",
            "gtFine/{split}/x",
            "_leftImg8bit.png",
            "_gtFine_labelIds.png",
            False,
        ),
    ),
    "bdd100k": (
        ("images/10k/{split}", "labels/sem_seg/masks/{split}", ".jpg", ".png", False),
        ("seg/images/{split}", "seg/labels/{split}", ".jpg", "_train_id.png", False),
    ),
}
# Files of text that some of them have, and lines of these, good and bad.
TEXTS = (
    *("class_dict.csv", "codes.txt", "valid.txt", "labelmap.txt", "train/_classes.csv"),
    *("ImageSets/Segmentation/train.txt", "_classes.csv"),
)
LINES = (
    *("name,r,g,b", "Road,128,64,128", "Sky,128,128,128", "Road,1,2", "Road", "Wall", "Animal"),
    *("0, road", "1, sky", "2, road", "x, y", "300, z", "0,", "²,1", "road:128,64,128::"),
    *("sky:0,0,0::", "void:224,224,192::", "road:999,0,0::", "# label:color_rgb", "::", '"a,b"'),
    *("0", "1", "a b", "\0", ",,,", "1" * 5000),
)
SUFFIXES = (".jpg", ".JPG", ".jpeg", ".png", ".PNG", ".webp", ".bmp", ".tif", ".tiff")
MASK_SUFFIXES = (".png", ".png", ".png", ".bmp", ".tif")
NAMES = (
    *("0", "1", "a b", "frame.0001", "ü", "u\u0308", "道路", "a\nb", "-x", "sub/a", "sub/b/c"),
    *("a,b", "#1", "0001TP_006690", "0016E5_07959", "é" * 60, "..a", "x.png"),
)
ODD_LINES = ("a\nb",)  # of `NAMES`, which a message of one line may hold
FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}


def draw(rng: random.Random, root: Path) -> tuple[str, Table | None]:
    """Write a folder of a dataset.

    Returns:
        The name of the dataset, and the table of its classes where that is whole.
    """
    root.mkdir()
    name = rng.choice(("folder",) * 6 + tuple(LAYOUTS))
    table = None
    if name == "folder" and rng.random() < 0.75:
        table = whole(rng)
        _folder(rng, root, table)
        if rng.random() < 0.1:
            (root / "classes.toml").write_bytes(drawn(rng))
            table = None
    else:
        _layout(rng, root, rng.choice(LAYOUTS[name]), name)
        if rng.random() < 0.1:  # two layouts in one folder
            _layout(rng, root, rng.choice(LAYOUTS[rng.choice(tuple(LAYOUTS))]), name)
        for _ in range(rng.randrange(3)):
            file = root / rng.choice(TEXTS)
            file.parent.mkdir(parents=True, exist_ok=True)
            lines = rng.choices(LINES, k=rng.randrange(6))
            file.write_text(rng.choice(("\n", "\r\n")).join(lines), encoding="utf-8")
    for _ in range(rng.choice((0, 0, 1, 1, 2, 4))):
        files = sorted(path for path in root.rglob("*") if path.is_file())
        if files:
            with contextlib.suppress(OSError):  # e.g. of a name that is too long
                rng.choice(DISORDERS)(rng, root, rng.choice(files))
    return name, table


def _folder(rng: random.Random, root: Path, table: Table) -> None:
    """One's own data: `images`, `masks`, and folders of splits or lists."""
    (root / "classes.toml").write_text(table.text, encoding="utf-8")
    lists = rng.random() < 0.3
    regime = rng.choice(REGIMES)
    for split in rng.choice((("train", "val"), ("train",), ("train", "val", "test"), ("a",))):
        part = "" if lists else split
        names = rng.sample(NAMES, rng.randrange(1, 4))
        size = rng.choice(((8, 12), (12, 8), (16, 16), (9, 7)))
        for name in names:
            image = root / "images" / part / f"{name}{rng.choice(SUFFIXES)}"
            mask = root / "masks" / part / f"{name}{rng.choice(MASK_SUFFIXES)}"
            _save(image, _noise(rng, size))
            _save(mask, regime(rng, size, table))
        if lists:
            (root / f"{split}.txt").write_bytes(_list(rng, names))


def _layout(rng: random.Random, root: Path, layout: tuple, name: str) -> None:
    images, labels, suffix, label_suffix, listed = layout
    for split in ("train", "val", "test")[: rng.randrange(1, 4)]:
        names = rng.sample(NAMES, rng.randrange(1, 3))
        for each in names:
            _save(root / images.format(split=split) / f"{each}{suffix}", _noise(rng, (9, 12)))
            ids = rng.choice((range(11), range(19), range(34), (0, 255), (3,), (255,)))
            values = np.array([[rng.choice(ids) for _ in range(12)] for _ in range(9)], np.uint8)
            if label_suffix == "_L.png":
                colours = np.array([colour for _, colour, _ in ORIGINAL_CLASSES], np.uint8)
                values = colours[values % len(colours)]
            _save(root / labels.format(split=split) / f"{each}{label_suffix}", values)
        if listed and rng.random() < 0.9:
            (root / f"{split}.txt").write_bytes(_list(rng, names))


def _save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path, FORMATS.get(path.suffix.lower()))


def _noise(rng: random.Random, size: tuple[int, int]) -> np.ndarray:
    return np.frombuffer(rng.randbytes(size[0] * size[1] * 3), np.uint8).reshape(*size, 3)


def _blocks(rng: random.Random, size: tuple[int, int], values) -> np.ndarray:
    """Rows of values, each of `values` where there is room."""
    rows = [values[row % len(values)] for row in range(size[0])]
    rng.shuffle(rows)
    return np.repeat(np.array(rows, np.uint8)[:, None], size[1], axis=1)


def _all_classes(rng: random.Random, size: tuple[int, int], table: Table) -> np.ndarray:
    if table.colours is not None and (not table.by_index or rng.random() < 0.3):
        return np.array(table.colours, np.uint8)[_blocks(rng, size, range(len(table.colours)))]
    return _blocks(rng, size, table.indices + table.void)


def _one_class(rng: random.Random, size: tuple[int, int], table: Table) -> np.ndarray:
    return _blocks(rng, size, table.indices[:1])


def _binary(rng: random.Random, size: tuple[int, int], table: Table) -> np.ndarray:
    return _blocks(rng, size, (0, rng.choice((1, 255, 255))))


def _unknown(rng: random.Random, size: tuple[int, int], table: Table) -> np.ndarray:
    return _blocks(rng, size, (*table.indices, rng.randrange(256)))


def _void(rng: random.Random, size: tuple[int, int], table: Table) -> np.ndarray:
    return _blocks(rng, size, rng.choice((table.void or (255,), (255,), (255, table.indices[0]))))


REGIMES = (_all_classes, _all_classes, _all_classes, _one_class, _binary, _unknown, _void)


def _list(rng: random.Random, names: list[str]) -> bytes:
    """A list of frames, often with odd lines."""
    lines = [name.replace("\n", " ") for name in names]
    how = rng.randrange(12)
    odd = {
        0: [f"{line}.png" for line in lines],
        1: [f"images/{line}.jpg masks/{line}.png" for line in lines],
        2: [f"{line},{line}" for line in lines],
        3: ["# a comment", *lines],
        4: [*lines, *lines],
        5: [*lines, "../../etc/passwd", "/etc/passwd"],
        6: [*lines, "not there", "\0", "x" * 5000],
        7: [f"  {line}\t" for line in lines] + ["", " "],
    }
    lines = odd.get(how, lines)
    text = rng.choice(("\n", "\n", "\r\n", "\r")).join(lines)
    data = text.encode(rng.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1")), "replace")
    return b"" if rng.random() < 0.03 else data


# Disorders: what is done to a folder, by a file of it.


def _remove(rng: random.Random, root: Path, file: Path) -> None:
    file.unlink()


def _remove_folder(rng: random.Random, root: Path, file: Path) -> None:
    if file.parent != root:
        shutil.rmtree(file.parent)


def _empty_folder(rng: random.Random, root: Path, file: Path) -> None:
    for other in file.parent.iterdir():
        if other.is_file():
            other.unlink()


def _damage(rng: random.Random, root: Path, file: Path) -> None:
    data, _ = mutated(rng, file.read_bytes())
    file.write_bytes(data)


def _another_picture(rng: random.Random, root: Path, file: Path) -> None:
    file.write_bytes(encoded(rng.choice(ORDINARY)))


def _another_size(rng: random.Random, root: Path, file: Path) -> None:
    if file.suffix == ".png":
        side = rng.choice((1, 5, 24))
        _save(file, np.zeros((side, rng.choice((1, 9, 18))), np.uint8))


def _another_suffix(rng: random.Random, root: Path, file: Path) -> None:
    suffix = rng.choice((*SUFFIXES, ".jfif", ".heic", ".gif", ".avif", "", ".png.txt"))
    file.rename(file.with_suffix(suffix))


def _twice(rng: random.Random, root: Path, file: Path) -> None:
    shutil.copy(file, file.with_suffix(rng.choice(SUFFIXES)))


def _mask_suffix(rng: random.Random, root: Path, file: Path) -> None:
    end = rng.choice(("_mask", "_L", "_label", "_gt"))
    for other in file.parent.iterdir():
        other.rename(other.with_name(f"{other.stem}{end}{other.suffix}"))


def _junk(rng: random.Random, root: Path, file: Path) -> None:
    name = rng.choice(("Thumbs.db", ".DS_Store", "._a.png", "desktop.ini", "a.png~", "readme.txt"))
    (file.parent / name).write_bytes(rng.randbytes(20))


def _link_above(rng: random.Random, root: Path, file: Path) -> None:
    _linked(file.parent / "above", rng.choice((root, file.parent, Path(".."), root.parent)))


def _two_loops(rng: random.Random, root: Path, file: Path) -> None:
    """Two links to the folder: without care the walk goes through each in each, without end."""
    _linked(file.parent / "one", file.parent)
    _linked(file.parent / "two", file.parent)


def _across(rng: random.Random, root: Path, file: Path) -> None:
    """A link in each of two folders to the other."""
    other = root / rng.choice(("images", "masks", "elsewhere"))
    other.mkdir(exist_ok=True)
    _linked(file.parent / "across", other)
    _linked(other / "back", file.parent)


def _link_to_itself(rng: random.Random, root: Path, file: Path) -> None:
    _linked(file.parent / "itself.png", Path("itself.png"))


def _dangling(rng: random.Random, root: Path, file: Path) -> None:
    _linked(file.parent / "gone.png", root / "nowhere")


def _link_to_file(rng: random.Random, root: Path, file: Path) -> None:
    _linked(file.parent / f"link{file.suffix}", file)


def _folder_as_file(rng: random.Random, root: Path, file: Path) -> None:
    file.unlink()
    file.mkdir()


def _file_as_folder(rng: random.Random, root: Path, file: Path) -> None:
    if file.parent != root:
        parent = file.parent
        shutil.rmtree(parent)
        parent.write_bytes(b"x")


def _fifo(rng: random.Random, root: Path, file: Path) -> None:
    """A pipe that nobody writes to: whoever opens it waits for ever."""
    file.unlink()
    os.mkfifo(file)


def _socket(rng: random.Random, root: Path, file: Path) -> None:
    file.unlink()
    if len(os.fsencode(file)) < 100:
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(os.fsencode(file))


def _no_rights(rng: random.Random, root: Path, file: Path) -> None:
    rng.choice((file, file.parent)).chmod(0)


def _odd_name(rng: random.Random, root: Path, file: Path) -> None:
    name = rng.choice(("\u202ex", "a" * 200, "e\u0301", "\udcff\udcfe", "tab\tname", " "))
    file.rename(file.with_name(name + file.suffix))


def _deep(rng: random.Random, root: Path, file: Path) -> None:
    folder = file.parent.joinpath(*["d"] * 60)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, folder)


def _swapped(rng: random.Random, root: Path, file: Path) -> None:
    one, two = root / "images", root / "masks"
    if one.is_dir() and two.is_dir():
        one.rename(root / "x")
        two.rename(one)
        (root / "x").rename(two)


def _one_deeper(rng: random.Random, root: Path, file: Path) -> None:
    inner = root / "data"
    if not inner.exists():
        inner.mkdir()
        for other in list(root.iterdir()):
            if other != inner:
                other.rename(inner / other.name)


def _linked(link: Path, target: Path) -> None:
    if not link.is_symlink() and not link.exists():
        link.symlink_to(target)


DISORDERS: tuple[Callable[[random.Random, Path, Path], None], ...] = (
    _remove,
    _remove_folder,
    _empty_folder,
    _damage,
    _damage,
    _damage,
    _another_picture,
    _another_picture,
    _another_size,
    _another_suffix,
    _twice,
    _mask_suffix,
    _junk,
    _link_above,
    _two_loops,
    _across,
    _link_to_itself,
    _dangling,
    _link_to_file,
    _folder_as_file,
    _file_as_folder,
    _fifo,
    _socket,
    _no_rights,
    _odd_name,
    _deep,
    _swapped,
    _one_deeper,
)
