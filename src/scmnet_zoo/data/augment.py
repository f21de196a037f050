"""Augmentation on the accelerator, inside the training step; the same on every backend."""

import functools
import math
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from scmnet_zoo.data.labels import VOID
from scmnet_zoo.layers._types import Tensor


@dataclass(frozen=True)
class Augmentation:
    """Settings of the random augmentation. All values are drawn for each frame separately.

    Attributes:
        crop: (height, width) of the random crop in pixels.
        scale: range of the scale factor, drawn uniformly on a logarithmic scale.
        flip: probability of a left-right flip.
        brightness, contrast, saturation, tint: largest relative change. Tint changes each colour
            channel separately.
        gamma: range of the exponent is `1 / (1 + gamma)` to `1 + gamma`.
        noise: largest standard deviation of pixel noise, on the scale 0..255.
        blur: probability that the frame is resized to half its size and back, which makes it
            look like an enlarged frame.
        cut: probability of CutMix: a rectangle of another crop of the batch replaces the same
            rectangle of this crop, with labels. It has the crop's aspect ratio; its share of the
            area is uniform in 0..1.
        mix: probability of ClassMix: the pixels of `mix_classes` in another crop of the batch
            replace the same pixels of this crop, with labels.
        mix_classes: names of the classes that `mix` pastes.

    Source: CutMix, Yun et al. 2019, arXiv 1905.04899; unlike the paper's, the rectangle lies
    entirely in the crop. ClassMix, Olsson et al. 2021, arXiv 2007.07936; unlike the paper's, it
    uses labels instead of predictions, and fixed instead of random classes.
    """

    crop: tuple[int, int]
    scale: tuple[float, float] = (1.0, 1.0)
    flip: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    tint: float = 0.0
    gamma: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    cut: float = 0.0
    mix: float = 0.0
    mix_classes: tuple[str, ...] = ()


class Augment(keras.layers.Layer):
    """Layer that applies an `Augmentation` to a batch. Labels outside the frame are void.

    Input: uint8 images (batch, height, width, 3) and labels (batch, height, width). Optionally, a
    teacher's probabilities: uint8 (batch, rows, columns, classes) on the scale 0..255, at any
    fraction of the images' sides.

    Output: float32 images on the scale 0..255 (batch, *crop, 3) and int32 labels (batch, *crop).
    Images are sampled bilinearly with half-pixel centres, labels by nearest neighbour. The
    probabilities, if given, are float32 on the scale 0..1, sampled bilinearly at every second row
    and column of the crop, starting at the first, and 0 outside the frame.

    Args:
        settings: the settings.
        seed: seed of the random numbers.
        classes: names of the classes in the order of their ids. Needed for `settings.mix`.

    Raises:
        ValueError: `settings.mix_classes` has a name that `classes` lacks.
    """

    def __init__(
        self, settings: Augmentation, seed: int = 0, classes: tuple[str, ...] = (), **kwargs: Any
    ) -> None:
        super().__init__(dtype="float32", **kwargs)
        unknown = [name for name in settings.mix_classes if name not in classes]
        if unknown:
            raise ValueError(
                f"Expected mix_classes among {', '.join(classes)}. Received: {', '.join(unknown)}"
            )
        self.settings = settings
        self.mixed: list[int] = [classes.index(name) for name in settings.mix_classes]
        self.seeds: keras.random.SeedGenerator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(
        self, images: Tensor, labels: Tensor, probabilities: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        parts = self._window(ops.cast(images, "float32"), ops.cast(labels, "int32"), probabilities)
        if self.settings.cut:
            parts = _pasted(parts, self._rectangle(parts[1]))
        if self.settings.mix:
            parts = _pasted(parts, self._mixed(parts[1]))
        return self._photometric(parts[0]), *parts[1:]

    def _uniform(self, batch, low, high, shape=(1, 1, 1)):
        return keras.random.uniform((batch, *shape), low, high, seed=self.seeds)

    def _window(self, images, labels, probabilities):
        """Blur, scale, crop and flip images, labels and, if given, probabilities."""
        settings = self.settings
        batch, height, width = ops.shape(images)[:3]
        if settings.blur:
            reduced = ops.average_pool(images, 2, 2, data_format="channels_last")
            blurred = ops.image.resize(reduced, (height, width), data_format="channels_last")
            images = ops.where(self._uniform(batch, 0, 1) < settings.blur, blurred, images)

        low, high = (math.log(value) for value in settings.scale)
        scale = ops.exp(self._uniform(batch, low, high, ()))
        flip = self._uniform(batch, 0, 1, ()) < settings.flip
        rows = self._positions(batch, height, settings.crop[0], scale)  # (batch, crop height)
        columns = self._positions(batch, width, settings.crop[1], scale)  # (batch, crop width)
        columns = ops.where(flip[:, None], ops.flip(columns, axis=1), columns)

        inside = _inside(rows, height)[:, :, None] & _inside(columns, width)[:, None, :]
        images = _sample(_sample(images, rows, 1), columns, 2)
        labels = ops.take_along_axis(labels, _nearest(rows, height)[:, :, None], axis=1)
        labels = ops.take_along_axis(labels, _nearest(columns, width)[:, None, :], axis=2)
        labels = ops.where(inside, labels, VOID)
        if probabilities is None:
            return images, labels
        share = probabilities.shape[1] / height, probabilities.shape[2] / width
        probabilities = _sample(probabilities, (rows[:, ::2] + 0.5) * share[0] - 0.5, 1)
        probabilities = _sample(probabilities, (columns[:, ::2] + 0.5) * share[1] - 0.5, 2)
        probabilities = ops.where(inside[:, ::2, ::2, None], probabilities / 255, 0.0)
        return images, labels, probabilities

    def _positions(self, batch, side, crop, scale):
        """Return the frame coordinate, in pixels, of each row or column of the crop."""
        room = side - crop / scale  # negative if the crop is larger than the frame
        start = room * self._uniform(batch, 0, 1, ())
        steps = ops.arange(crop, dtype="float32") + 0.5
        return start[:, None] + steps[None, :] / scale[:, None] - 0.5

    def _rectangle(self, labels):
        """Return the mask of the rectangle to paste, bool (batch, height, width)."""
        batch, (height, width) = ops.shape(labels)[0], self.settings.crop
        pasted = self._uniform(batch, 0, 1, (1, 1)) < self.settings.cut
        side = ops.sqrt(self._uniform(batch, 0, 1, (1, 1)))  # fraction of the crop's side
        for length, shape in ((height, (1, -1, 1)), (width, (1, 1, -1))):
            places = ops.reshape((ops.arange(length, dtype="float32") + 0.5) / length, shape)
            start = (1 - side) * self._uniform(batch, 0, 1, (1, 1))
            within = ops.logical_and(places >= start, places < start + side)
            pasted = ops.logical_and(pasted, within)
        return pasted

    def _mixed(self, labels):
        """Return the mask of the classes to paste, bool (batch, height, width)."""
        others = ops.roll(labels, 1, axis=0)
        pasted = self._uniform(ops.shape(labels)[0], 0, 1, (1, 1)) < self.settings.mix
        found = [ops.equal(others, number) for number in self.mixed]
        return ops.logical_and(pasted, functools.reduce(ops.logical_or, found))

    def _photometric(self, x):
        """Change colour and brightness and add noise. `x` is on the scale 0..255."""
        settings = self.settings
        batch = ops.shape(x)[0]

        def factor(change, shape=(1, 1, 1)):
            return self._uniform(batch, 1 - change, 1 + change, shape)

        x = x * factor(settings.brightness) * factor(settings.tint, (1, 1, 3))
        mean = ops.mean(x, axis=(1, 2, 3), keepdims=True)
        x = mean + (x - mean) * factor(settings.contrast)
        grey = ops.mean(x, axis=3, keepdims=True)
        x = ops.clip(grey + (x - grey) * factor(settings.saturation), 0, 255)
        limit = math.log1p(settings.gamma)
        x = 255 * ops.power((x + 1e-3) / 255.001, ops.exp(self._uniform(batch, -limit, limit)))
        if settings.noise:
            deviation = self._uniform(batch, 0, settings.noise)
            x = x + deviation * keras.random.normal(ops.shape(x), seed=self.seeds)
        return ops.clip(x, 0, 255)


def _pasted(parts, where):
    """Replace masked pixels of each crop by those of the previous crop in the batch, cyclically.

    Args:
        parts: images (batch, height, width, 3), labels (batch, height, width) and optionally
            probabilities of every second row and column.
        where: the mask, bool (batch, height, width).
    """
    masks = (where[..., None], where, where[:, ::2, ::2, None])
    return tuple(
        ops.where(mask, ops.roll(part, 1, axis=0), part)
        for part, mask in zip(parts, masks, strict=False)
    )


def _inside(positions, side):
    return ops.logical_and(positions > -0.5, positions < side - 0.5)


def _nearest(positions, side):
    return ops.clip(ops.cast(ops.floor(positions + 0.5), "int32"), 0, side - 1)


def _sample(x, positions, axis):
    """Interpolate `x` (batch, height, width, channels) linearly along an axis.

    `positions` (batch, n) are in pixels; values outside the axis are clipped to its ends.
    """
    side = ops.shape(x)[axis]
    positions = ops.clip(positions, 0.0, side - 1.0)
    low = ops.cast(ops.floor(positions), "int32")
    shape = (-1, positions.shape[1], 1, 1) if axis == 1 else (-1, 1, positions.shape[1], 1)
    share = ops.reshape(positions - ops.cast(low, "float32"), shape)
    below = ops.take_along_axis(x, ops.reshape(low, shape), axis=axis)
    above = ops.take_along_axis(x, ops.reshape(ops.minimum(low + 1, side - 1), shape), axis=axis)
    below, above = ops.cast(below, "float32"), ops.cast(above, "float32")
    return below + (above - below) * share
