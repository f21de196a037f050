"""The ImageNet weights of keras.applications: where they are and how they come here."""

from pathlib import Path

import keras

URL = "https://storage.googleapis.com/tensorflow/keras-applications"

# (address, MD5 where one is published)
FILES: dict[str, tuple[str, str | None]] = {
    "xception": (
        f"{URL}/xception/xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "b0042744bf5b25fce3cb969f33bebb97",
    ),
    "mobilenet_v2": (
        f"{URL}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        None,
    ),
}


def imagenet_file(backbone: str) -> Path:
    """The local path of a backbone's ImageNet weights, downloaded if need be.

    Raises:
        OSError: they cannot be downloaded.
    """
    url, md5 = FILES[backbone]
    try:
        return Path(keras.utils.get_file(origin=url, file_hash=md5, cache_subdir="models"))
    except Exception as error:  # Keras raises a bare Exception for what urllib says
        reason = " ".join(str(error).split()) or type(error).__name__
        raise OSError(f"Cannot get ImageNet weights from {url}: {reason}") from error
