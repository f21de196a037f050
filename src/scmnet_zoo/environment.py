"""Versions and devices of the backends; made for each of them."""

import platform

import keras
import numpy as np

from scmnet_zoo._version import __version__


def session() -> dict[str, str]:
    """Versions and machine."""
    backend = keras.backend.backend()
    versions = {"scmnet_zoo": __version__, "keras": keras.__version__, "numpy": np.__version__}
    if backend == "tensorflow":
        import tensorflow as tf

        versions["tensorflow"] = tf.__version__
        devices = [device.name for device in tf.config.list_logical_devices()]
    elif backend == "jax":
        import jax

        versions["jax"] = jax.__version__
        devices = [device.device_kind for device in jax.devices()]
    else:
        import torch

        versions["torch"] = torch.__version__
        gpus = range(torch.cuda.device_count())
        devices = [torch.cuda.get_device_name(index) for index in gpus] or ["cpu"]
    return {
        "backend": backend,
        "devices": ", ".join(devices),
        "python": platform.python_version(),
        "platform": platform.platform(),
        **versions,
    }
