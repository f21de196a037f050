"""From the `weights` argument of a factory to a checkpoint."""

import os

from scmnet_zoo.weights import manifest
from scmnet_zoo.weights.checkpoint import SUFFIXES, Checkpoint, read_checkpoint


def find_checkpoint(network: str, weights: str | os.PathLike | None) -> Checkpoint | None:
    """The checkpoint that None, a name or a path stands for.

    Raises:
        ValueError: an unknown name (with those there are), or a file that cannot be read.
    """
    if weights is None:
        return None
    if not isinstance(weights, str | os.PathLike):
        raise ValueError(
            f"Expected weights to be None, a name or a path. Received: weights={weights!r}"
        )
    text = os.fspath(weights)
    if text.endswith(SUFFIXES) or os.sep in text:
        return read_checkpoint(text, network)
    # A name wins over, say, a folder `camvid` in the working directory.
    if os.path.exists(text) and text not in manifest.names(network):
        return read_checkpoint(text, network)
    return read_checkpoint(manifest.local_file(manifest.find(network, text)), network)
