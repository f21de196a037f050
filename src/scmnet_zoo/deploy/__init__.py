"""From a trained network to what runs it: the inference form."""

from scmnet_zoo.deploy.fuse import FUSED_LAYERS, OUTPUTS, fuse

__all__ = ["FUSED_LAYERS", "OUTPUTS", "fuse"]
