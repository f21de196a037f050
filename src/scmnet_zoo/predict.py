"""Segment photographs with trained networks."""

import logging
import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from scmnet_zoo import viz
from scmnet_zoo.data.labels import Colour
from scmnet_zoo.data.predictions import description_of
from scmnet_zoo.data.ratio import has_ratio_of, in_words
from scmnet_zoo.files import MASK, OVERLAY, whole_file
from scmnet_zoo.images import as_rgb, read_image
from scmnet_zoo.layers.image_input import MINIMUM_SIDE
from scmnet_zoo.loading import UNNAMED, Loaded, load
from scmnet_zoo.models import factory_of
from scmnet_zoo.weights import manifest
from scmnet_zoo.weights.checkpoint import Weights
from scmnet_zoo.weights.registry import DEFAULT_NETWORK

logger: logging.Logger = logging.getLogger(__name__)

# Largest number of input pixels for weights that do not state a training size: 1024x2048.
UNKNOWN_TRAINING_PIXELS = 2_097_152
MAXIMUM_SIDE = 65536  # largest side of a network's input
MAXIMUM_CLASSES = 256  # limit of a mask with 8 bits
STRIP_PIXELS = 4_000_000  # number of pixels per strip in `_decide`


@dataclass(frozen=True)
class Result:
    """Result of segmenting a photograph.

    Attributes:
        photo: the upright photograph, uint8 RGB `(height, width, 3)`.
        mask: class index of each pixel, uint8 `(height, width)`.
        classes: names of the classes.
        palette: colours of the classes, RGB 0..255.
        shares: share of each class in the photograph, the largest first.
        seconds: time in the network, without building its graph.
        name: name of the photograph's file without its suffix, or `"image"`.
    """

    photo: np.ndarray = field(repr=False)
    mask: np.ndarray = field(repr=False)
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...] = field(repr=False)
    shares: dict[str, float]
    seconds: float
    name: str = "image"

    def overlay(self, opacity: float = 0.5, legend: bool = True) -> Image.Image:
        """Blend the photograph with the colours of its classes.

        Args:
            opacity: opacity of the colours, 0 (photograph only) to 1 (colours only).
            legend: whether to add names, colours and shares of the classes below the picture.

        Returns:
            An RGB image of the photograph's size; with a legend it is higher.

        Raises:
            ValueError: an opacity outside 0..1.
        """
        picture = Image.fromarray(viz.blend(self.photo, self.mask, self.palette, opacity))
        if not legend:
            return picture
        return viz.with_legend(picture, self.classes, self.palette, self.shares)

    def index_mask(self) -> Image.Image:
        """Return the mask as a palette image (mode P) of class indices."""
        image = Image.fromarray(self.mask)
        image.putpalette([value for colour in self.palette for value in colour])
        return image

    def save(self, directory: str | os.PathLike[str], stem: str | None = None) -> tuple[Path, Path]:
        """Write `STEM_overlay.png` and `STEM_mask.png`. No partial file remains after an error.

        Args:
            directory: folder to write to. It is created if needed.
            stem: start of the file names. Defaults to the photograph's name.

        Returns:
            The paths of the overlay and of the mask.

        Raises:
            OSError: the folder or a file cannot be written.
        """
        stem = self.name if stem is None else stem
        paths = (Path(directory, f"{stem}{OVERLAY}"), Path(directory, f"{stem}{MASK}"))
        make_directory(directory)
        with whole_file(paths[0]) as overlay, whole_file(paths[1]) as mask:
            text = description_of(self.classes, self.palette)
            # The fastest compression: others take minutes for 100 megapixels.
            self.overlay().save(overlay, "PNG", compress_level=1, pnginfo=text)
            self.index_mask().save(mask, "PNG", compress_level=6, pnginfo=text)
        return paths


class Segmenter:
    """Trained network that segments photographs.

    Photographs are resized to about the number of pixels in training. Masks have the size of the
    photograph.

    Args:
        network: key of the network (`scmnet-zoo models` lists them). Defaults to the network that
            the file of weights states; for a name of weights, to `"scmnet"`.
        weights: a name (`scmnet-zoo weights` lists them), the path of a `.safetensors` file
            written by the zoo, which states its classes, the folder of a training run, any other
            argument of `scmnet_zoo.load`, or its result. Defaults to `"camvid"`; for a network
            without these weights, to its first available weights.
        size: input size (height, width) of the network, each 32 to 65,536 pixels. Defaults to as
            many pixels as in training, in the photograph's aspect ratio. Photographs with another
            aspect ratio than `size` are distorted, with one warning.

    Raises:
        ValueError: an unknown network, weights that do not exist, do not fit or do not name
            their classes, or a wrong size.

    Example:

    >>> result = Segmenter("scmnet", weights="camvid")("street.jpg")
    >>> print(result.shares)
    >>> result.save("out")
    """

    def __init__(
        self,
        network: str | None = None,
        weights: Weights | Loaded | None = None,
        size: tuple[int, int] | None = None,
    ):
        if network is not None:
            factory_of(network)  # an unknown network is told before a wrong size
        if weights is None:
            weights = manifest.default(network or DEFAULT_NETWORK)
        self.size: tuple[int, int] | None = None if size is None else checked_size(size)
        loaded = weights if isinstance(weights, Loaded) else load(weights, network)
        if loaded.metadata is None:
            raise ValueError(UNNAMED.format(loaded.source.title))
        self.classes: tuple[str, ...] = loaded.metadata.classes
        self.palette: tuple[Colour, ...] = loaded.metadata.colours
        self.training_size: tuple[int, int] | None = loaded.metadata.training_size
        if len(self.classes) > MAXIMUM_CLASSES:
            raise ValueError(
                f"Expected weights of at most {MAXIMUM_CLASSES} classes. "
                f"Received: {len(self.classes)} in {loaded.source.file}"
            )
        self.model: keras.Model = loaded.model
        self._sizes_seen: set[tuple[int, int]] = set()
        self._told_of_squashing = False

    def __call__(self, photo: str | os.PathLike[str] | Image.Image | np.ndarray) -> Result:
        """Segment a photograph.

        The first photograph of each input size runs twice, so that `Result.seconds` does not
        include building the graph.

        Args:
            photo: path of an image file, a Pillow image, or a uint8 RGB array
                `(height, width, 3)`.

        Returns:
            A `Result` with a mask of the photograph's size.

        Raises:
            FileNotFoundError, IsADirectoryError: the file is missing, or is a folder.
            ValueError: not an image, or a damaged or too large one.
        """
        pixels, name = _load(photo)
        height, width = pixels.shape[:2]
        if self.size is not None:
            self._warn_of_squashing((height, width), self.size)
        seen = self.size or network_size(height, width, self.training_size)
        batch = _resized(pixels, seen)[None].astype("float32")
        if seen not in self._sizes_seen:
            self.model.predict_on_batch(batch)
            self._sizes_seen.add(seen)
        start = time.perf_counter()
        probabilities = self.model.predict_on_batch(batch)[0]
        seconds = time.perf_counter() - start
        mask, counts = _decide(probabilities, height, width)
        order = np.argsort(-counts, kind="stable")
        return Result(
            photo=pixels,
            mask=mask,
            classes=self.classes,
            palette=self.palette,
            shares={self.classes[i]: float(counts[i] / mask.size) for i in order},
            seconds=seconds,
            name=name,
        )

    def _warn_of_squashing(self, photo: tuple[int, int], size: tuple[int, int]) -> None:
        """Log one warning if a photograph and the input size differ in aspect ratio."""
        if self._told_of_squashing or has_ratio_of(photo, size):
            return
        self._told_of_squashing = True
        logger.warning(
            "photographs of another aspect ratio than %s, such as one of %s, are brought to that "
            "size and are squashed to it; without a size they keep their ratio",
            *(in_words(size), in_words(photo)),
        )


def segment(
    photo: str | os.PathLike[str] | Image.Image | np.ndarray,
    network: str | None = None,
    weights: str | os.PathLike[str] | None = None,
) -> Result:
    """Segment one photograph. For several, use a `Segmenter`, which loads the network once.

    Arguments and errors are those of `Segmenter` and its call.
    """
    return Segmenter(network, weights)(photo)


def network_size(height: int, width: int, training_size: tuple[int, int] | None) -> tuple[int, int]:
    """Return the input size (height, width) of a network for a photograph.

    It is the training size if the photograph has its aspect ratio (see `scmnet_zoo.data.ratio`).
    Otherwise it has the photograph's aspect ratio and at most as many pixels as in training, with
    sides of at least 32 pixels, rounded to multiples of 16 (of 8 or less for sides below 256).
    If the training size is unknown, the number of pixels is the photograph's, up to 1024x2048.

    Multiples of 16 align feature maps of 1/16 of the size as in training: on 9:16 crops of CamVid's
    validation frames, SCMNet has 88.2 mIoU at 1104x624 and 84.7 at 1104x616.
    """
    pixels = min(height * width, UNKNOWN_TRAINING_PIXELS)
    if training_size is not None:
        if min(training_size) >= MINIMUM_SIDE and has_ratio_of((height, width), training_size):
            return training_size
        pixels = training_size[0] * training_size[1]
    short, long = sorted((height, width))
    side = short * math.sqrt(pixels / (height * width))
    multiple = _multiple(side)
    ratio, below = long / short, max(MINIMUM_SIDE, _down(side, multiple))
    sizes = [(one, _long_side(one, ratio, pixels, multiple)) for one in (below, below + multiple)]
    found = min(sizes, key=lambda size: abs(math.log(size[1] / size[0] / ratio)))
    return found if height <= width else found[::-1]


def _long_side(short: int, ratio: float, pixels: int, multiple: int) -> int:
    """Return the long side: the multiple nearest to the ratio, within the number of pixels."""
    nearest = _down(short * ratio + multiple / 2, multiple)
    return max(MINIMUM_SIDE, min(nearest, _down(pixels / short, multiple)))


def _multiple(side: float) -> int:
    """Return the multiple to round sides to: 16, or a smaller power of two for sides below 256."""
    return next(number for number in (16, 8, 4, 2, 1) if number == 1 or 16 * number <= side)


def _down(length: float, multiple: int) -> int:
    """Round a length down to a multiple, with tolerance for floating-point errors."""
    return int((length + 1e-6) // multiple) * multiple


def make_directory(directory: str | os.PathLike[str]) -> None:
    """Create a folder for results if it does not exist.

    Raises:
        NotADirectoryError: a file has this name.
        OSError: the folder cannot be created.
    """
    directory = Path(directory)
    if directory.exists() and not directory.is_dir():
        raise NotADirectoryError(f"{directory}: expected a folder for results. Received: a file")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"{directory}: cannot be made: {error.strerror or error}") from error


def checked_size(size: object) -> tuple[int, int]:
    """Return `size` as a tuple (height, width) if it is a valid input size.

    Raises:
        ValueError: not two integers of 32 to 65,536.
    """
    sides = tuple(size) if isinstance(size, tuple | list | np.ndarray) else ()
    whole = all(isinstance(n, int | np.integer) for n in sides)
    if len(sides) != 2 or not whole or not MINIMUM_SIDE <= min(sides) <= max(sides) <= MAXIMUM_SIDE:
        raise ValueError(
            f"Expected size to be (height, width), each of {MINIMUM_SIDE} to {MAXIMUM_SIDE} "
            f"pixels. Received: size={size!r}"
        )
    return int(sides[0]), int(sides[1])


def _load(photo) -> tuple[np.ndarray, str]:
    """Return pixels and name of a photograph given as path, image or array."""
    if isinstance(photo, str | os.PathLike):
        return read_image(photo), Path(photo).stem
    if isinstance(photo, Image.Image):
        return as_rgb(photo), "image"
    if not isinstance(photo, np.ndarray):
        raise ValueError(
            "Expected a photo to be a path, a Pillow image or a uint8 array (height, width, 3). "
            f"Received: {type(photo).__name__}"
        )
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or not photo.size:
        raise ValueError(
            "Expected a photo to be a uint8 array (height, width, 3). "
            f"Received: {photo.dtype} of shape {photo.shape}{_mend(photo)}"
        )
    if photo.max() == 1:
        logger.warning("a photo of 0 and 1 alone, where 255 is white: it is seen as black")
    return photo.copy(), "image"  # the caller may overwrite the array, e.g. a camera's buffer


def _mend(photo: np.ndarray) -> str:
    """Return advice on converting a float array to uint8, from the range of its values."""
    if photo.dtype.kind != "f" or not photo.size:
        return ""
    low, high = float(photo.min()), float(photo.max())
    values = f", from {low:.3g} to {high:.3g}"
    if low >= 0 and high <= 1:
        return f"{values}; of 0..1 make (photo * 255).round().astype('uint8')"
    if low >= 0 and high <= 255:
        return f"{values}; of 0..255 make photo.round().astype('uint8')"
    return f"{values}; give it as it was before it was normalised"


def _resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize bilinearly with half-pixel centres; antialiased when it reduces."""
    if pixels.shape[:2] == size:
        return pixels
    image = Image.fromarray(pixels)
    return np.asarray(image.resize(size[::-1], Image.Resampling.BILINEAR, reducing_gap=3.0))


def _decide(probabilities: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the most probable class of each pixel, and the number of pixels of each class.

    The probabilities `(h, w, classes)` are resized bilinearly to `(height, width)`, one class and
    one strip of rows at a time, since those of 100 megapixels would not fit into memory.
    """
    planes = [Image.fromarray(p) for p in np.ascontiguousarray(np.moveaxis(probabilities, -1, 0))]
    source_width, source_height = planes[0].size
    mask = np.zeros((height, width), np.uint8)
    counts = np.zeros(len(planes), np.int64)
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = mask[top : top + rows]
        bottom = top + len(strip)
        box = (0, top * source_height / height, source_width, bottom * source_height / height)
        best = None
        for index, plane in enumerate(planes):
            values = np.asarray(
                plane.resize((width, len(strip)), Image.Resampling.BILINEAR, box=box)
            )
            if best is None:
                best = values.copy()
                continue
            strip[values > best] = index
            np.maximum(best, values, out=best)
        counts += np.bincount(strip.ravel(), minlength=len(planes))
    return mask, counts
