"""Paths of weights on this machine."""

import os
from pathlib import Path

import platformdirs

HOME = "SCMNET_ZOO_HOME"
BEST = "best.safetensors"  # weights of the best epoch in the folder of a run
OWN = "own"  # folder, in the cache folder, of weights that users add under a name


def home() -> Path:
    """Return the cache folder: `SCMNET_ZOO_HOME`, or the platform's cache folder.

    Raises:
        OSError: the path starts with `~USER`, and this user does not exist.
    """
    given = os.environ.get(HOME, "").strip()
    try:
        given_path = Path(given).expanduser()
    except RuntimeError as error:
        raise OSError(f"{HOME}={given}: cannot be found: there is no such user") from error
    found = given_path if given else platformdirs.user_cache_path("scmnet-zoo", False)
    return found.absolute()


def own_path(network: str, name: str) -> Path:
    """Return the path at which users can add weights under the name of an unpublished entry."""
    return home() / OWN / f"{network}_{name}.safetensors"
