"""The least that a network costs: multiply-adds, and bytes that must be moved.

Counted on the inference form (`scmnet_zoo.deploy.fuse`), whose layers are all primitive. A
convolution or a pool makes a group; what works pixel by pixel or only moves pixels belongs to the
group before it where nothing else reads that group's result, and else is done again by each group
that reads it. A group reads each of its inputs once, its weights once, and writes its output once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import keras
from keras import layers

from scmnet_zoo import layers as zoo
from scmnet_zoo.deploy import FUSED_LAYERS
from scmnet_zoo.deploy._walk import Step, walk

BYTES = {"f32": 4, "f16": 2, "bf16": 2, "int8": 1}  # of a value and of a weight

CONVOLUTIONS = (layers.Conv2D, zoo.FastDepthwiseConv2D)
POOLS = (
    layers.MaxPooling2D,
    layers.AveragePooling2D,
    layers.GlobalAveragePooling2D,
    zoo.AdaptiveAveragePooling2D,
    zoo.DilatedMaxPooling2D,
)
# What makes more of its input; groups that read it rather read the input.
ENLARGING = (zoo.ImageInput, zoo.ResizeToPartner, layers.Concatenate, layers.ZeroPadding2D)
SIZED_BY_PARTNER = (zoo.ResizeToPartner, zoo.ClassMask)


@dataclass
class Group:
    """Layers that need no memory between them.

    Attributes:
        names: of the layers, the convolution or pool first.
        macs: multiply-adds of one image.
        weights: how many.
        read, written: values.
        bytes: read and written, weights included.
    """

    names: list[str]
    macs: int = 0
    weights: int = 0
    read: int = 0
    written: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Floor:
    """What a network cannot do without, for one image.

    Attributes:
        macs: multiply-adds.
        parameters: weights of the inference form.
        bytes: moved if every group of layers reads and writes once.
        least_bytes: image in, output out, weights once: if no map ever left the chip.
        groups: where they come from.
    """

    macs: int
    parameters: int
    bytes: int
    least_bytes: int
    groups: tuple[Group, ...] = field(repr=False)

    def seconds(self, macs_per_second: float, bytes_per_second: float) -> float:
        """The time of a machine that is bound by one of the two alone.

        Args:
            macs_per_second: the most multiply-adds.
            bytes_per_second: the most bytes to and from memory.
        """
        return max(self.macs / macs_per_second, self.bytes / bytes_per_second)


def floor(model: keras.Model, precision: str = "f32") -> Floor:
    """Count multiply-adds and the fewest bytes of a network's inference form.

    Images count as one byte a value, and so does an output of class indices; other outputs as
    four; all other values as the precision has them.

    Args:
        model: what `scmnet_zoo.deploy.fuse` gives, with a fixed input size.
        precision: `"f32"`, `"f16"`, `"bf16"` or `"int8"`.

    Returns:
        A `Floor`.

    Raises:
        ValueError: an unknown precision, a model without a fixed size, or with layers that are
            not primitive.

    Example:

    >>> model = scmnet_zoo.deploy.fuse(SCMNet(input_shape=(1024, 2048, 3)), output="mask")
    >>> floor(model).macs / 1e9
    """
    if precision not in BYTES:
        raise ValueError(
            f"Expected precision to be one of {', '.join(map(repr, BYTES))}. "
            f"Received: precision={precision!r}"
        )
    if any(None in tensor.shape[1:] for tensor in model.inputs):
        raise ValueError(
            "Expected a model with a fixed input size. "
            f"Received: input_shape={tuple(model.inputs[0].shape)}"
        )
    for layer in model.layers:
        if type(layer) not in FUSED_LAYERS:
            raise ValueError(
                "Expected a model made by scmnet_zoo.deploy.fuse. "
                f"Received: layer {layer.name!r} of type {type(layer).__name__}"
            )
    return _Count(model, BYTES[precision]).floor()


class _Count:
    """One pass over the layers in the order in which they run."""

    def __init__(self, model: keras.Model, width: int):
        self.model = model
        self.width = width
        self.steps = [one for one in walk(model) if type(one.layer) is not keras.layers.InputLayer]
        self.readers = _readers(model, self.steps)
        self.outputs = {id(tensor) for tensor in model.outputs}
        # By tensor: those in memory that it can be made of, and the group that made it.
        self.sources: dict[int, list[Any]] = {id(t): [t] for t in model.inputs}
        self.makers: dict[int, Group] = {}
        self.reads: dict[int, list[Any]] = {}  # by group
        self.results: list[tuple[Group, Any]] = []  # in the order in which they are made

    def floor(self) -> Floor:
        for step in self.steps:
            self._run(step.layer, _read_by(step), step.output)
        for tensor in self.model.outputs:
            if id(tensor) not in self.makers:  # a copy, made of what is in memory
                self._begin("output", [tensor], tensor)
        last = {id(group): (group, tensor) for group, tensor in self.results}
        groups = tuple(group for group, _ in last.values())
        for group, tensor in last.values():
            group.written = prod(tensor.shape[1:])
            group.bytes += self._bytes(tensor) + group.weights * self.width
        weights = sum(group.weights for group in groups)
        ends = sum(self._bytes(t) for t in (*self.model.inputs, *self.model.outputs))
        return Floor(
            macs=sum(group.macs for group in groups),
            parameters=weights,
            bytes=sum(group.bytes for group in groups),
            least_bytes=ends + weights * self.width,
            groups=groups,
        )

    def _run(self, layer: keras.Layer, inputs: list[Any], output: Any) -> None:
        if isinstance(layer, CONVOLUTIONS + POOLS):
            group = self._begin(layer.name, inputs, output)
            group.macs, group.weights = _macs(layer, output), _weights(layer)
            return
        before = max(inputs, key=self._number)
        if self._goes_on(before, layer, output):
            group = self.makers[id(before)]
            group.names.append(layer.name)
            group.weights += _weights(layer)
            self._read(group, [tensor for tensor in inputs if tensor is not before])
            self._made(group, output)
        else:
            self.sources[id(output)] = _distinct(
                source for tensor in inputs for source in self.sources[id(tensor)]
            )

    def _goes_on(self, tensor: Any, layer: keras.Layer, output: Any) -> bool:
        """Whether the group that made the tensor can make the output of it in the same go."""
        if id(tensor) not in self.makers or self.readers[id(tensor)] > 1:
            return False
        return not isinstance(layer, ENLARGING) or self._leads_only_out(output)

    def _leads_only_out(self, tensor: Any) -> bool:
        """Whether no convolution or pool comes after a tensor."""
        for step in self.steps:
            if any(read is tensor for read in _read_by(step)):
                anchor = isinstance(step.layer, CONVOLUTIONS + POOLS)
                if anchor or not self._leads_only_out(step.output):
                    return False
        return True

    def _begin(self, name: str, inputs: list[Any], output: Any) -> Group:
        group = Group([name])
        self._read(group, inputs)
        self._made(group, output)
        return group

    def _made(self, group: Group, output: Any) -> None:
        self.sources[id(output)] = [output]
        self.makers[id(output)] = group
        self.results.append((group, output))

    def _read(self, group: Group, tensors: list[Any]) -> None:
        known = self.reads.setdefault(id(group), [])
        for source in _distinct(s for tensor in tensors for s in self.sources[id(tensor)]):
            if any(source is tensor for tensor in known):
                continue
            known.append(source)
            group.read += prod(source.shape[1:])
            group.bytes += self._bytes(source)

    def _number(self, tensor: Any) -> int:
        """The later a tensor is made, the higher; -1 where no group makes it."""
        made = [number for number, (_, other) in enumerate(self.results) if other is tensor]
        return made[0] if made else -1

    def _bytes(self, tensor: Any) -> int:
        values = prod(tensor.shape[1:])
        if any(tensor is image for image in self.model.inputs):
            return values
        if id(tensor) in self.outputs:
            return values * (4 if "float" in str(tensor.dtype) else 1)
        return values * self.width


def _read_by(step: Step) -> list[Any]:
    """The tensors whose values a layer reads: not the partner whose size a map takes."""
    return list(step.inputs[:1] if isinstance(step.layer, SIZED_BY_PARTNER) else step.inputs)


def _readers(model: keras.Model, steps: list[Step]) -> dict[int, int]:
    """How many layers, and the model's caller, read a tensor."""
    count: dict[int, int] = {}
    for tensor in (t for step in steps for t in _read_by(step)):
        count[id(tensor)] = count.get(id(tensor), 0) + 1
    for tensor in model.outputs:
        count[id(tensor)] = count.get(id(tensor), 0) + 1
    return count


def _macs(layer: keras.Layer, output: Any) -> int:
    """Multiply-adds of a convolution; additions of biases and pools are not counted."""
    if not isinstance(layer, CONVOLUTIONS):
        return 0
    height, width, channels = output.shape[1:]
    if isinstance(layer, zoo.FastDepthwiseConv2D):
        return height * width * channels * prod(layer.kernel_size)
    return height * width * prod(layer.kernel.shape)


def _weights(layer: keras.Layer) -> int:
    return sum(prod(variable.shape) for variable in layer.weights)


def _distinct(tensors: Iterable[Any]) -> list[Any]:
    return list({id(tensor): tensor for tensor in tensors}.values())
