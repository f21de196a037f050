"""What several commands say of their options."""

from scmnet_zoo.catalogue.datasets import DATASET_CARDS

NETWORK, WEIGHTS = "scmnet", "camvid"  # by default
NETWORK_HELP = (
    "Network (`scmnet-zoo models` lists them); by default the one that the weights' file says."
)
WEIGHTS_HELP = (
    "Name (`scmnet-zoo weights` lists them) or NETWORK/NAME, .safetensors file, or folder of a run."
)
DATASET_HELP = (
    f"Name of the dataset: {', '.join(DATASET_CARDS)}; by default folder where there is a "
    "classes.toml."
)
DATASET = "camvid"
