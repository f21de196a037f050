"""Help texts and defaults of options that several commands have."""

from scmnet_zoo.catalogue.datasets import DATASET_CARDS

NETWORK, WEIGHTS = "scmnet", "camvid"  # defaults
NETWORK_HELP = (
    "Network (`scmnet-zoo models` lists them). A file of weights states its network, which is then "
    "the default."
)
WEIGHTS_HELP = (
    "Name of weights (`scmnet-zoo weights` lists them), NETWORK/NAME, .safetensors file, or folder "
    "of a run."
)
DATASET_HELP = (
    f"Name of the dataset: {', '.join(DATASET_CARDS)}. Default for a folder with a classes.toml: "
    "folder."
)
DATASET = "camvid"
