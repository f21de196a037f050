"""What several commands say of their options."""

NETWORK, WEIGHTS = "scmnet", "camvid"  # by default
NETWORK_HELP = (
    "Network (`scmnet-zoo models` lists them); by default the one that the weights' file says."
)
WEIGHTS_HELP = "Name (`scmnet-zoo weights` lists them), .safetensors file, or folder of a run."
DATASET_HELP = "Name of the dataset; by default folder where there is a classes.toml."
DATASET = "camvid"
