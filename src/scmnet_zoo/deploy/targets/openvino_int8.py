"""OpenVINO models in int8, by NNCF."""

import logging
from collections.abc import Sequence

import nncf
import numpy as np
import openvino

# Convolutions that read the image or make the scores, by the names of their layers.
SENSITIVE = ("deep_stem.*", "shallow_stem.*", "stem.*", "head_classifier.*")


def quantise(model: openvino.Model, images: Sequence[np.ndarray]) -> openvino.Model:
    """A model with activations and weights in int8.

    Args:
        model: in float32.
        images: of the calibration, `(1, height, width, 3)`.
    """
    nncf.set_log_level(logging.ERROR)
    kind = np.uint8 if model.inputs[0].element_type == openvino.Type.u8 else np.float32
    return nncf.quantize(
        model,
        nncf.Dataset([one.astype(kind) for one in images]),
        subset_size=len(images),
        preset=nncf.QuantizationPreset.MIXED,
        ignored_scope=nncf.IgnoredScope(patterns=list(SENSITIVE), validate=False),
    )
