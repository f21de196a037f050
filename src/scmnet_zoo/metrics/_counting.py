"""Exact counting of pixels inside a compiled step, with 32-bit integers.

JAX has no int64 by default, and Keras's `segment_sum` adds in float32 on PyTorch, which is exact
only up to 2**24. So pixels are counted in lanes, whose counts are then summed, and sums over
batches are stored in two parts, `high * 2**30 + low`.
"""

from collections.abc import Sequence

import numpy as np
from keras import ops

from scmnet_zoo.data.labels import VOID

LOW = 2**30  # a batch may add less than this to a count
COUNT_LANES = 64  # lanes hold exact counts for batches of up to 2**30 pixels
DIGIT_LANES = 8192  # and exact sums of digits for batches of up to 2**25 pixels
DIGIT = 4096
UNITS = (2.0**5, 2.0**-7, 2.0**-19, 2.0**-31)  # of the digits of a weight, in descending order


def labels_and_predictions(y_true, y_pred, classes: int):
    """Labels and predictions, int32 (batch, height, width), from the arguments of a metric.

    Args:
        y_true: (batch, height, width) or (batch, height, width, 1).
        y_pred: (batch, height, width, classes), or a dict with such under `"main"`.
        classes: number of classes of the metric.

    Raises:
        ValueError: other shapes.
    """
    if isinstance(y_pred, dict):
        if "main" not in y_pred:
            raise ValueError(f"Expected scores under 'main'. Received: {sorted(y_pred)}")
        y_pred = y_pred["main"]
    y_pred = ops.convert_to_tensor(y_pred)
    labels = pixels(y_true, y_pred)
    if y_pred.shape[-1] != classes:
        raise ValueError(
            f"Expected scores of {classes} classes. Received: shape {tuple(y_pred.shape)}"
        )
    return labels, ops.cast(ops.argmax(y_pred, axis=-1), "int32")


def pixels(values, scores, dtype="int32"):
    """Values per pixel of the scores, without a last axis of 1.

    Raises:
        ValueError: of another size than the scores.
    """
    values = ops.convert_to_tensor(values)
    if len(values.shape) == 4 and values.shape[-1] == 1:
        values = ops.squeeze(values, -1)
    sizes = (tuple(values.shape), tuple(scores.shape))
    fits = (len(sizes[0]), len(sizes[1])) == (3, 4) and all(
        None in pair or pair[0] == pair[1] for pair in zip(sizes[0], sizes[1][:3], strict=True)
    )
    if not fits:
        raise ValueError(
            "Expected (batch, height, width) or (batch, height, width, 1) for scores (batch, "
            f"height, width, classes). Received: shapes {sizes[0]} and {sizes[1]}"
        )
    return ops.cast(values, dtype)


def is_class(labels, classes: int):
    """Whether each label is a class."""
    return ops.logical_and(labels >= 0, labels < classes)


def is_unknown(labels, classes: int):
    """1 if a label is neither a class nor void, e.g. an id that was not converted, else 0."""
    known = ops.logical_or(is_class(labels, classes), ops.equal(labels, VOID))
    return ops.cast(ops.logical_not(ops.all(known)), "int32")


def count(codes, where, number: int):
    """Count each code.

    Args:
        codes: int32, in 0..number-1 where counted.
        where: booleans of the same shape, true where counted.
        number: number of codes.

    Returns:
        int32 (number,).
    """
    ones = ops.ones_like(ops.reshape(codes, (-1,)))
    lanes = _lanes(ones[:, None], codes, where, number, COUNT_LANES)
    return ops.sum(lanes, axis=(1, 2))


def sum_digits(weights, codes, where, number: int):
    """The sums of weights by code, as sums of the weights' digits.

    A weight is split into four digits of 12 bits, so that the sum does not depend on order or
    backend and is exact for weights from 2**-8 up.

    Args:
        weights: float32, from 0 up.
        codes, where, number: as in `count`.

    Returns:
        int32 (number, 4, 2): the sum of each digit, as multiples of 4096 and of 1.
    """
    rest = ops.reshape(weights, (-1,))
    digits = []
    for unit in UNITS:
        digit = ops.floor(rest / unit)
        rest = rest - digit * unit
        digits.append(ops.cast(digit, "int32"))
    lanes = _lanes(ops.stack(digits, axis=-1), codes, where, number, DIGIT_LANES)
    upper = ops.floor_divide(lanes, DIGIT)
    return ops.stack([ops.sum(upper, axis=1), ops.sum(lanes - upper * DIGIT, axis=1)], axis=-1)


def digits_to_float(sums):
    """Sums of `sum_digits`, as floats (number, 4, 2), to float32 (number,)."""
    units = np.array([[unit * DIGIT, unit] for unit in UNITS], np.float32)
    return ops.sum(sums * ops.convert_to_tensor(units), axis=(-1, -2))


def add(variable, counts) -> None:
    """Add int32 counts, each below 2**30, to a variable (2, ...) of high and low parts."""
    high, low = ops.cast(variable[0], "int32"), ops.cast(variable[1], "int32") + counts
    carry = ops.floor_divide(low, LOW)
    variable.assign(ops.cast(ops.stack([high + carry, low - carry * LOW]), variable.dtype))


def to_float(variable):
    """A variable of high and low parts as float32."""
    high, low = ops.cast(variable[0], "float32"), ops.cast(variable[1], "float32")
    return high * float(LOW) + low


def to_int64(variable) -> np.ndarray:
    """A variable of high and low parts as NumPy int64, exact."""
    high, low = ops.convert_to_numpy(variable.value).astype(np.int64)
    return high * LOW + low


def ratio(part, whole):
    """`part / whole`, NaN where `whole` is 0."""
    return ops.where(whole > 0, part / ops.where(whole > 0, whole, 1.0), float("nan"))


def mean(scores):
    """The mean of the numbers that are not NaN; NaN if there are none."""
    known = ops.logical_not(ops.isnan(scores))
    total = ops.sum(ops.where(known, scores, 0.0))
    return ratio(total, ops.sum(ops.cast(known, "float32")))


def group(values, members: np.ndarray, axis: int):
    """Sums over the members of groups along an axis.

    Without a matrix product, which may round to fewer bits on GPUs.

    Args:
        values: float32.
        members: booleans (groups, length of the axis).
    """
    shape = [1] * len(values.shape)
    shape[axis] = members.shape[1]
    parts = [ops.sum(ops.where(np.reshape(row, shape), values, 0.0), axis=axis) for row in members]
    return ops.stack(parts, axis=axis)


def membership(groups: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Booleans (names, groups): whether the group has the name."""
    return np.array([[name == other for other in groups] for name in names], bool)


def _lanes(data, codes, where, number, lanes):
    """Sums of int32 data (pixels, n) by code and lane, int32 (number, lanes, n)."""
    flat = ops.reshape(codes, (-1,))
    lane = ops.arange(ops.shape(flat)[0], dtype="int32") % lanes
    segments = ops.where(ops.reshape(where, (-1,)), flat * lanes + lane, number * lanes)
    sums = ops.segment_sum(data, segments, num_segments=number * lanes + 1)
    return ops.reshape(sums[:-1], (number, lanes, data.shape[1]))
