"""Channels of zeros that let runtimes keep their blocked layouts.

CPU kernels hold 16 channels in a block. A convolution that reads, say, 24 channels falls back to
the plain layout in ONNX Runtime, and with it all that stands around it; with 8 channels of zeros
appended it does not. Where they are appended, and that nobody sees them, is decided here.
"""

import keras

from scmnet_zoo.deploy._walk import Step, readers
from scmnet_zoo.layers import FastDepthwiseConv2D, ImageInput, ResizeToPartner

BLOCK = 16

# What keeps zeros zeros, channel by channel; the others that may are in `_passes`.
PASSING = (
    keras.layers.MaxPooling2D,
    keras.layers.AveragePooling2D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.ZeroPadding2D,
    keras.layers.Add,
)
ODD = (  # 0 at 0
    keras.activations.relu,
    keras.activations.relu6,
    keras.activations.silu,
    keras.activations.hard_silu,
)


def spare_channels(steps: list[Step]) -> dict[int, int]:
    """By the `id` of a symbolic tensor how many channels of zeros to append to it.

    A map is given some if a convolution makes it, and only convolutions read it, or layers
    between that keep zeros zeros.
    """
    graph = readers(steps)
    chosen = {
        id(step.output): -step.output.shape[-1] % BLOCK
        for step in steps
        if len(step.output.shape) == 4 and _widens(step) and step.output.shape[-1] > BLOCK
    }
    chosen = {key: spare for key, spare in chosen.items() if spare and graph[key]}
    while True:
        kept = {
            id(step.output)
            for step in steps
            if id(step.output) in chosen
            and (isinstance(step.layer, keras.layers.Conv2D) or _all_in(step, chosen))
            and all(_takes(reader, step.output, chosen) for reader in graph[id(step.output)])
        }
        if len(kept) == len(chosen):
            return chosen
        chosen = {key: chosen[key] for key in kept}


def _widens(step: Step) -> bool:
    """Whether the layer can make, or hand on, channels of zeros."""
    if isinstance(step.layer, keras.layers.Conv2D):
        return step.layer.groups == 1
    return _passes(step)


def _passes(step: Step) -> bool:
    layer = step.layer
    if isinstance(layer, FastDepthwiseConv2D):
        return layer.depth_multiplier == 1
    if isinstance(layer, keras.layers.Activation):
        return layer.activation in ODD
    return isinstance(layer, (*PASSING, ResizeToPartner))


def _all_in(step: Step, chosen: dict[int, int]) -> bool:
    """Whether all that the layer hands on has the zeros."""
    handed = step.inputs[:1] if isinstance(step.layer, ResizeToPartner) else step.inputs
    return all(id(tensor) in chosen for tensor in handed)


def _takes(reader: Step, tensor, chosen: dict[int, int]) -> bool:
    """Whether a reader of the map does its work with the zeros."""
    layer = reader.layer
    if isinstance(layer, ImageInput):
        return False
    if isinstance(layer, keras.layers.Conv2D):
        return layer.groups == 1
    if isinstance(layer, ResizeToPartner) and tensor is reader.inputs[1]:
        return tensor is not reader.inputs[0] or id(reader.output) in chosen
    return _passes(reader) and id(reader.output) in chosen
