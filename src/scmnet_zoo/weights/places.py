"""Where weights lie on this machine."""

import os
from pathlib import Path

import platformdirs

HOME = "SCMNET_ZOO_HOME"
BEST = "best.safetensors"  # in the folder of a run: the weights of its best epoch
OWN = "own"  # the folder of weights that users put under a name themselves


def home() -> Path:
    """The cache folder: `SCMNET_ZOO_HOME`, by default the platform's.

    Raises:
        OSError: it is in the home of a user who is not there.
    """
    given = os.environ.get(HOME, "").strip()
    try:
        given_path = Path(given).expanduser()
    except RuntimeError as error:
        raise OSError(f"{HOME}={given}: cannot be found: there is no such user") from error
    found = given_path if given else platformdirs.user_cache_path("scmnet-zoo", False)
    return found.absolute()


def own_path(network: str, name: str) -> Path:
    """Where users put weights of their own under the name of an unpublished entry."""
    return home() / OWN / f"{network}_{name}.safetensors"
