"""Run as a program: `scmnet-zoo train` with a toy for every network, which starts in seconds.

The arguments are those of `scmnet-zoo`, the backend is what KERAS_BACKEND names. Nothing is drawn.
"""

import os
import sys


class WithoutTorch:
    """Spares the seconds in which tensorboardX imports PyTorch where there is one."""

    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name=name)


if os.environ["KERAS_BACKEND"] != "torch":
    sys.meta_path.insert(0, WithoutTorch())

from testing_tools import toy  # noqa: E402
from training_tools import without_pictures  # noqa: E402

from scmnet_zoo import cli, loading  # noqa: E402
from scmnet_zoo.training import start, trainer  # noqa: E402

if __name__ == "__main__":
    for module in (loading, start, trainer):
        module.factory_of = lambda network: toy
    without_pictures(setattr)
    cli.main()
