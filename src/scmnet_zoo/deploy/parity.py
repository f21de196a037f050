"""Whether an exported file gives what the network gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from scmnet_zoo.deploy.formats import OpenSize, Size
from scmnet_zoo.deploy.sizes import fitted

# From images (1, height, width, 3) to scores (1, height, width, classes) or a mask.
Runner = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Limits:
    """What a file may differ by from the network.

    Attributes:
        difference: of probabilities, or of the logarithms of them where logits are compared.
        equal: the least share of pixels whose class is the same.
        miou: in points of mIoU, where there are labels.
    """

    difference: float
    equal: float
    miou: float


LIMITS = {
    "f32": Limits(1e-3, 0.999, 0.1),
    "f16": Limits(0.1, 0.99, 0.5),
    "bf16": Limits(0.6, 0.97, 1.0),
    "int8": Limits(float("inf"), 0.85, 1.0),
}
LOGARITHM = 100  # how much larger differences of logarithms may be than those of probabilities


@dataclass(frozen=True)
class Comparison:
    """How far a file is from the network.

    Attributes:
        frames: how many images were compared, and at which (height, width).
        sizes: those sizes.
        difference: the largest of any score; None for masks.
        equal: the share of pixels whose class is the same.
    """

    frames: int
    sizes: tuple[Size, ...]
    difference: float | None
    equal: float


def compare(
    run: Runner,
    network: keras.Model,
    images: Sequence[np.ndarray],
    sizes: Sequence[OpenSize],
    output: str,
) -> Comparison:
    """Compare a file with the network.

    Args:
        run: the file in its runtime.
        network: what it has to equal, made by `reference`.
        images: uint8 RGB, `(height, width, 3)`; floats have the size already.
        sizes: to which the images are brought, None for a side of their own.
        output: what comes out.
    """
    largest: list[float] = []
    equal, pixels, seen = 0, 0, []
    for size in sizes:
        for image in images:
            batch = fitted(image, size)
            seen.append(batch.shape[1:3])
            expected = as_batch(network, batch)
            found = run(batch)
            if found.shape != expected.shape:
                raise ValueError(
                    f"Expected a file that gives {expected.shape}. Received: {found.shape}"
                )
            if output != "mask":
                largest.append(_difference(found, expected, output))
                found, expected = found.argmax(-1), expected.argmax(-1)
            equal += int((found == expected).sum())
            pixels += found.size
    difference = float(np.max(largest)) if largest else None
    return Comparison(len(images), tuple(dict.fromkeys(seen)), difference, equal / pixels)


def check(comparison: Comparison, limits: Limits, output: str, what: str, hint: str = "") -> None:
    """That a comparison is within the limits; `hint` says what to do where it is not.

    Raises:
        ValueError: it is not.
    """
    most = limits.difference * (LOGARITHM if output == "logits" else 1)
    difference = comparison.difference
    if difference is not None and not difference <= most:  # NaN is over the limit too
        raise ValueError(
            f"Expected {what} to give what the network gives, to {most:g}. "
            f"Received: {output} that differ by {difference:.2g}{hint and f'; {hint}'}"
        )
    if not comparison.equal >= limits.equal:
        raise ValueError(
            f"Expected {what} to give the network's class at {limits.equal:.1%} of the pixels. "
            f"Received: {comparison.equal:.2%}{hint and f'; {hint}'}"
        )


def as_batch(network: keras.Model, batch: np.ndarray) -> np.ndarray:
    """The answer of a Keras model; compiled on JAX only, where eager calls take minutes."""
    given = batch.astype(network.inputs[0].dtype)
    if keras.backend.backend() == "jax":
        return network.predict_on_batch(given)
    return keras.ops.convert_to_numpy(network(given, training=False))


def _difference(found: np.ndarray, expected: np.ndarray, output: str) -> float:
    """Logits are compared with probabilities: both as logarithms of probabilities."""
    if output == "logits":
        found, expected = _log_softmax(found), _log(expected)
    return float(np.abs(found - expected).max())


def _log(scores: np.ndarray) -> np.ndarray:
    """Of probabilities, or of logits if these are given."""
    sums = scores.sum(-1)
    if scores.min() >= 0 and np.allclose(sums, 1, atol=1e-4):
        return np.log(np.maximum(scores, np.finfo(np.float32).tiny))
    return _log_softmax(scores)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    below = logits - logits.max(-1, keepdims=True)
    return below - np.log(np.exp(below).sum(-1, keepdims=True))
