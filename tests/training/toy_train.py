"""Run as a program: `scmnet-zoo train` with a toy for every network, which starts in seconds.

The arguments are those of `scmnet-zoo`, the backend is what KERAS_BACKEND names.
"""

from testing_tools import toy

from scmnet_zoo import cli
from scmnet_zoo.training import start, trainer

if __name__ == "__main__":
    for module in (start, trainer):
        module.factory_of = lambda network: toy
    cli.main()
