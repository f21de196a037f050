"""What a format is asked to write."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import keras
import numpy as np

from scmnet_zoo.deploy.formats import Size


@dataclass(frozen=True)
class Job:
    """What a format is asked to write.

    Attributes:
        model: made by `pipeline`: image in, `output` out.
        name: of the file, or folder, to write.
        output: `"probabilities"`, `"logits"` or `"mask"`.
        precision: one of the format's.
        size: (height, width) of the images, None where it varies.
        metadata: for the file.
        calibration: images of that size, `(1, height, width, channels)`, for int8.
    """

    model: keras.Model
    name: str
    output: str
    precision: str
    size: Size | None
    metadata: dict[str, str]
    calibration: Sequence[np.ndarray] = field(default=(), repr=False)
