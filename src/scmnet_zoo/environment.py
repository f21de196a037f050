"""Versions, devices and memory of this process. The backend is imported by functions only."""

import platform
from pathlib import Path

import numpy as np

from scmnet_zoo._version import __version__


def session() -> dict[str, str]:
    """Return the backend, its devices, the platform and versions of packages."""
    import keras

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


def processor() -> str:
    """Return the name of the CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def device_memory() -> int | None:
    """Return the backend's peak memory on the accelerator in bytes; None on a CPU."""
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        if not tf.config.list_logical_devices("GPU"):
            return None
        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    if backend == "jax":
        import jax

        held = jax.devices()[0].memory_stats() or {}
        return held.get("peak_bytes_in_use")
    import torch

    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None


def resident() -> int | None:
    """Return the resident memory of this process in bytes; None if unknown."""
    return _status("VmRSS:")


def forget_peak() -> None:
    """Reset the peak of resident memory of this process, on Linux."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:  # another system
        return


def resident_peak() -> int | None:
    """Return the peak of resident memory since `forget_peak` in bytes; None if unknown."""
    return _status("VmHWM:")


def _status(name: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), None)
