"""A photograph in, its classes out."""

import logging
import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from scmnet_zoo import viz
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

logger = logging.getLogger(__name__)

# What a network sees at most whose weights do not say what they were trained on: 1024x2048.
UNKNOWN_TRAINING_PIXELS = 2_097_152
MAXIMUM_SIDE = 65536  # of what a network is to see
MAXIMUM_CLASSES = 256  # as many as a mask of 8 bits can tell apart
STRIP_PIXELS = 4_000_000  # how many pixels are decided at a time


@dataclass(frozen=True)
class Result:
    """What a network saw in a photograph.

    Attributes:
        photo: the photograph, upright: uint8 RGB, `(height, width, 3)`.
        mask: index of the class of each pixel: uint8, `(height, width)`.
        classes: names of the classes.
        palette: their colours, RGB 0..255.
        shares: fraction of the photograph by class, the largest first.
        seconds: time the network took, without the building of its graph.
        name: of the photograph's file without its suffix, else `"image"`.
    """

    photo: np.ndarray = field(repr=False)
    mask: np.ndarray = field(repr=False)
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...] = field(repr=False)
    shares: dict[str, float]
    seconds: float
    name: str = "image"

    def overlay(self, opacity: float = 0.5, legend: bool = True) -> Image.Image:
        """The photograph under the colours of its classes.

        Args:
            opacity: from 0, the photograph alone, to 1, the colours alone.
            legend: add names, colours and shares of the classes below the picture.

        Returns:
            An RGB image of the photograph's size, with a legend a higher one.

        Raises:
            ValueError: an opacity outside 0..1.
        """
        picture = Image.fromarray(viz.blend(self.photo, self.mask, self.palette, opacity))
        if not legend:
            return picture
        return viz.with_legend(picture, self.classes, self.palette, self.shares)

    def index_mask(self) -> Image.Image:
        """The mask as an image of mode P: its values are class indices, shown in their colours."""
        image = Image.fromarray(self.mask)
        image.putpalette([value for colour in self.palette for value in colour])
        return image

    def save(self, directory: str | os.PathLike[str], stem: str | None = None) -> tuple[Path, Path]:
        """Write `STEM_overlay.png` and `STEM_mask.png`, neither of them by halves.

        Args:
            directory: folder to write to; made if it is not there.
            stem: by default the photograph's name.

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
            # The fastest compression: of 100 megapixels, the others take minutes.
            self.overlay().save(overlay, "PNG", compress_level=1, pnginfo=text)
            self.index_mask().save(mask, "PNG", compress_level=6, pnginfo=text)
        return paths


class Segmenter:
    """A trained network that takes photographs.

    Each is resized to about the number of pixels that the network was trained on, and the result
    is brought back to the photograph's size.

    Args:
        network: key of the network (`scmnet-zoo models` lists them). By default the one that the
            file of weights says, with the name of weights `"scmnet"`.
        weights: a name (`scmnet-zoo weights` lists them), the path of a `.safetensors` file
            written by the zoo, which says what its classes are, the folder of a training run, or
            anything else that `scmnet_zoo.load` takes, or what it
            returned. By default `"camvid"`, of a network without it what it has.
        size: (height, width) the network is to see, each of 32 to 65,536 pixels. By default as
            many pixels as in training, in the photograph's aspect ratio. Photographs of another
            aspect ratio than `size` are squashed to it; a warning says so once.

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
        self.size = None if size is None else checked_size(size)
        loaded = weights if isinstance(weights, Loaded) else load(weights, network)
        if loaded.metadata is None:
            raise ValueError(UNNAMED.format(loaded.source.title))
        self.classes = loaded.metadata.classes
        self.palette = loaded.metadata.colours
        self.training_size = loaded.metadata.training_size
        if len(self.classes) > MAXIMUM_CLASSES:
            raise ValueError(
                f"Expected weights of at most {MAXIMUM_CLASSES} classes. "
                f"Received: {len(self.classes)} in {loaded.source.file}"
            )
        self.model = loaded.model
        self._sizes_seen: set[tuple[int, int]] = set()
        self._told_of_squashing = False

    def __call__(self, photo: str | os.PathLike[str] | Image.Image | np.ndarray) -> Result:
        """Segment a photograph.

        The first of each size runs twice, so that `Result.seconds` is without the building of
        the graph.

        Args:
            photo: path of an image file, a Pillow image, or a uint8 array `(height, width, 3)`
                in RGB.

        Returns:
            A `Result`, its mask at the photograph's own size.

        Raises:
            FileNotFoundError, IsADirectoryError: there is no such file, or it is a folder.
            ValueError: what is given is no image, a damaged one, or one that is too large.
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
        """Warn, once, where a photograph has not the aspect ratio of the size to be seen."""
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
    """Segment one photograph; for several make a `Segmenter`, which loads the network once.

    Args and errors are those of `Segmenter` and of its call.
    """
    return Segmenter(network, weights)(photo)


def network_size(height: int, width: int, training_size: tuple[int, int] | None) -> tuple[int, int]:
    """The (height, width) at which a network sees a photograph.

    The size it was trained on, where the photograph has its aspect ratio; see
    `scmnet_zoo.data.ratio`. Else about as many pixels, never more, in the photograph's aspect ratio
    up to the rounding of the sides to multiples of 16 and of at least 32 (sides below 256 to less).
    Where the training size is not known, the photograph's own pixels up to 1024x2048.

    With multiples of 16 the maps of a sixteenth of the size lie as in training: on crops of 9:16
    from CamVid's validation frames SCMNet has 88.2 mIoU at 1104x624, 84.7 at 1104x616.
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
    """The multiple nearest to the ratio that is within the pixels."""
    nearest = _down(short * ratio + multiple / 2, multiple)
    return max(MINIMUM_SIDE, min(nearest, _down(pixels / short, multiple)))


def _multiple(side: float) -> int:
    """Of sides of that length at least: 16, of small ones a power of two up to a sixteenth."""
    return next(number for number in (16, 8, 4, 2, 1) if number == 1 or 16 * number <= side)


def _down(length: float, multiple: int) -> int:
    """Down to a multiple, past the rounding error of what should be one exactly."""
    return int((length + 1e-6) // multiple) * multiple


def make_directory(directory: str | os.PathLike[str]) -> None:
    """Make a folder for results, if it is not there.

    Raises:
        NotADirectoryError: a file has its name.
        OSError: it cannot be made.
    """
    directory = Path(directory)
    if directory.exists() and not directory.is_dir():
        raise NotADirectoryError(f"{directory}: expected a folder for results. Received: a file")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"{directory}: cannot be made: {error.strerror or error}") from error


def checked_size(size) -> tuple[int, int]:
    """A (height, width) that a network may see.

    Raises:
        ValueError: it is none.
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
    """Pixels and name of what the caller gave."""
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
    return photo.copy(), "image"  # the caller may use a camera's buffer again


def _mend(photo: np.ndarray) -> str:
    """What makes bytes of floats, as far as their values tell."""
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
    """Bilinear with half-pixel centres; widened to all pixels that count where it shrinks."""
    if pixels.shape[:2] == size:
        return pixels
    image = Image.fromarray(pixels)
    return np.asarray(image.resize(size[::-1], Image.Resampling.BILINEAR, reducing_gap=3.0))


def _decide(probabilities: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest class of each pixel at the photograph's size, and how often each occurs.

    The probabilities `(h, w, classes)` are resized bilinearly, a class and a strip at a time:
    those of 100 megapixels would not fit into memory.
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
