"""Reader of a user's dataset: a folder of images, a folder of masks, and a table of classes.

    classes.toml
    images/SPLIT/NAME.jpg       or another suffix of an image that `segment` reads
    masks/SPLIT/NAME.png        or .bmp, .tif, .gif, .pgm, ...: indices (grey or palette) or RGB

Subfolders of a split's folder are part of NAME. Without folders of splits, the files lie directly
in `images` and `masks`, and `SPLIT.txt` lists one NAME a line.
"""

import contextlib
import dataclasses
import logging
import os
from collections import Counter
from collections.abc import Container, Sequence
from pathlib import Path

from scmnet_zoo.data.class_table import TABLE, class_table, mask_suffix
from scmnet_zoo.data.dataset import (
    Dataset,
    FileReader,
    chosen,
    entries,
    files_in,
    find_layout,
    left_out,
    named_files,
    paired,
    some_files,
    subfolders,
)
from scmnet_zoo.data.labels import Colour, LabelSpace
from scmnet_zoo.data.listing import Files, Layout, Listing, Meaning, either, fitting, of, opened
from scmnet_zoo.data.lists import listed_names
from scmnet_zoo.data.masks import IndexMasks
from scmnet_zoo.data.predictions import predicted_colours
from scmnet_zoo.data.roboflow import ROBOFLOW
from scmnet_zoo.data.voc import VOC
from scmnet_zoo.image_files import (
    LOSSY_SUFFIXES,
    MASK_SUFFIXES,
    SUFFIXES,
    left_out_in_words,
    open_image,
)

USUAL_SPLITS = ("train", "val", "test")
_log = logging.getLogger(__name__)

LEFT_OUT = "%s: left out, as no image by its name: %s"

SEPARATORS = "_-. "  # first character of a suffix of masks, such as `_mask`


def folder(root: str | os.PathLike[str], split: str) -> Dataset:
    """Open one split of a user's dataset.

    Args:
        root: folder with `images`, `masks` and `classes.toml`, or a Roboflow or Pascal VOC export.
        split: name of a folder in `images`, or of a list without `.txt`.

    Raises:
        ValueError: an unknown split, another layout, a wrong table of classes, no images, two
            images with one name, or an image without a mask.
    """
    root = Path(root)
    layout = shipped_layout(root)
    if layout is not None:
        table = root / TABLE
        meaning = Meaning(*class_table(table)) if table.is_file() else None
        return opened("folder", layout, root, split, meaning)
    find_layout(root, [("images", "masks")])
    space, masks = class_table(root / TABLE)
    suffix = mask_suffix(root / TABLE)
    if isinstance(masks, IndexMasks):  # the table has no colours
        space = _with_colours_of_masks(space, root / "masks")
    if split in ("", "..") or Path(split).name != split:
        raise ValueError(f"Expected split to be the name of a folder. Received: split={split!r}")
    images_folder, masks_folder = root / "images", root / "masks"
    names_file = root / f"{split}.txt"
    if os.path.isdir(images_folder / split):
        images_folder, masks_folder = images_folder / split, masks_folder / split
        images = some_files(images_folder, SUFFIXES)
        found, ending = named_masks(images, masks_folder, suffix)
    elif os.path.isfile(names_file):
        images = some_files(images_folder, SUFFIXES)
        images = chosen(images, listed_names(names_file, images), names_file)
        found, ending = named_masks(images, masks_folder, suffix)
        found = {name: path for name, path in found.items() if name in images}
    else:
        splits = [entry.name for entry in subfolders(images_folder)]
        splits += [entry.name for entry in entries(root) if entry.name.endswith(".txt")]
        raise ValueError(
            f"Expected the folder {images_folder / split} or the list {names_file}. "
            f"Received: {', '.join(splits) or 'neither folders nor lists'}"
        )
    for name, image in images.items():
        lossy = [masks_folder / f"{name}{suffix}" for suffix in LOSSY_SUFFIXES if name not in found]
        for path in filter(os.path.isfile, lossy):
            raise ValueError(
                f"Expected a lossless mask of {image}, one of {', '.join(MASK_SUFFIXES)}. "
                f"Received: {path}"
            )
    others = left_out(images_folder, SUFFIXES)
    if others:
        _log.warning(LEFT_OUT, images_folder, left_out_in_words(others))
    samples = paired(images, found, masks_folder, ending)
    return Dataset("folder", split, space, samples, FileReader(masks))


def shipped_layout(root: Path) -> Layout | None:
    """Return the Roboflow or Pascal VOC layout of a folder; None if it has `images` and `masks`."""
    if os.path.isdir(root / "images") and os.path.isdir(root / "masks"):
        return None
    return fitting((ROBOFLOW, VOC), root)


def named_masks(
    images: Container[str], masks_folder: Path, suffix: str | None = None
) -> tuple[dict[str, Path], str]:
    """Return a mapping from image name to mask, and the ending of the mask files.

    If no mask has the name of an image, masks may share a suffix, such as `_mask` in
    `0001_mask.png` for `0001.jpg`.

    Args:
        images: names of the images.
        masks_folder: folder of the masks.
        suffix: suffix of the masks, e.g. `"_mask"`. None to detect it.

    Raises:
        ValueError: the folder is not readable, two masks have one name, or two suffixes occur
            equally often.
    """
    found = named_files(masks_folder, MASK_SUFFIXES)
    if suffix is not None:
        own = {name.removesuffix(suffix): p for name, p in found.items() if name.endswith(suffix)}
        return own, f"{suffix}{MASK_SUFFIXES[0]}"
    if any(name in images for name in found):
        return found, MASK_SUFFIXES[0]
    ends: dict[str, str] = {}  # name of a mask -> its suffix
    for name in found:
        starts = (place for place in range(len(name) - 1, 0, -1) if name[place] in SEPARATORS)
        place = next((place for place in starts if name[:place] in images), None)
        if place is not None:
            ends[name] = name[place:]
    if not ends:
        return found, MASK_SUFFIXES[0]
    (end, count), *others = Counter(ends.values()).most_common()
    if others and others[0][1] == count:
        first, second = (next(n for n in ends if ends[n] == e) for e in (end, others[0][0]))
        raise ValueError(
            f"Expected one mask of each image in {masks_folder}. Received: "
            f"{found[first].name} and {found[second].name}; move the others elsewhere, or choose "
            f'by a line mask_suffix = "{end}" at the top of {TABLE}'
        )
    named = {name[: -len(end)] if ends.get(name) == end else name: p for name, p in found.items()}
    return named, f"{end}{MASK_SUFFIXES[0]}"


def _with_colours_of_masks(space: LabelSpace, masks_folder: Path) -> LabelSpace:
    """Return the label space with colours from the palette of the first mask, if usable.

    A palette is usable if the colours of all classes differ and are not the greys of the indices.
    """
    paths = files_in(masks_folder)
    path = next((path for path in paths if path.name.lower().endswith(MASK_SUFFIXES)), None)
    if path is None:
        return space
    try:
        mask = open_image(path)
    except (ValueError, OSError):  # the reader reports it for the frame
        return space
    stated = predicted_colours(mask)
    if stated is not None:  # a mask of `segment`: its values are not indices of the table
        known = set(space.classes) <= set(stated)
        return _coloured(space, [stated[name] for name in space.classes]) if known else space
    values = mask.getpalette("RGB")
    count = 0 if values is None else len(values) // 3
    if values is None or max(space.ids) >= count:
        return space
    red, green, blue = (values[channel::3] for channel in range(3))
    colours = [(red[index], green[index], blue[index]) for index in space.ids]
    greys = [(index, index, index) for index in space.ids]
    if len(set(colours)) < len(colours) or colours == greys:
        return space
    return _coloured(space, colours)


def _coloured(space: LabelSpace, colours: Sequence[Colour]) -> LabelSpace:
    pairs = zip(space.labels, colours, strict=True)
    labels = tuple(dataclasses.replace(label, colour=colour) for label, colour in pairs)
    return dataclasses.replace(space, labels=labels)


def _splits(root: Path) -> tuple[str, ...]:
    layout = shipped_layout(root)
    if layout is not None:
        return tuple(sorted(layout.splits(root), key=_place))
    found = [entry.name for entry in subfolders(root / "images")]
    lists = [entry.name[:-4] for entry in entries(root) if entry.name.endswith(".txt")]
    beside = lists and any(not entry.is_dir() for entry in entries(root / "images"))
    if beside:  # folders beside listed images are part of their names, but for the usual splits
        found = [name for name in found if name in USUAL_SPLITS]
    return tuple(
        sorted(dict.fromkeys([*found, *lists] if beside or not found else found), key=_place)
    )


def _place(split: str) -> int:
    """Sort key of splits: train, val, test, then others."""
    return (*USUAL_SPLITS, split).index(split)


def _has(root: Path, split: str) -> bool:
    layout = shipped_layout(root)
    if layout is not None:
        return split in layout.splits(root)
    return any(place.exists() for place in (root / f"{split}.txt", root / "images" / split))


def _listing(root: Path, split: str) -> Listing:
    layout = shipped_layout(root)
    if layout is not None:
        return layout.listing(root, split)
    suffix = None
    with contextlib.suppress(ValueError):  # the reader reports errors of the table
        suffix = mask_suffix(root / TABLE)
    if (root / "images" / split).is_dir():
        images = named_files(root / "images" / split, SUFFIXES)
        return either(images, named_masks(images, root / "masks" / split, suffix)[0])
    images = named_files(root / "images", SUFFIXES)
    names = listed_names(root / f"{split}.txt", images)
    return of(names, images, named_masks(images, root / "masks", suffix)[0])


FILES = Files(_splits, _has, _listing)
