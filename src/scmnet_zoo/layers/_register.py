"""Registration of layers, losses and metrics, so that `.keras` files find them by name."""

import keras

PACKAGE = "scmnet_zoo"


def register(cls):
    """Register a class under the package name `scmnet_zoo`."""
    return keras.saving.register_keras_serializable(package=PACKAGE)(cls)
