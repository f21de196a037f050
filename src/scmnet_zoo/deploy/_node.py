"""The layers of a network as plain nodes, while the network is flattened and folded."""

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np


class Outputs:
    """The kind of the node whose inputs are the outputs of the network."""


class Item:
    """The kind of a node that takes one of several outputs, `config["index"]`, of its input."""


@dataclass(eq=False)
class Node:
    """One layer of the network that is to be built.

    Attributes:
        kind: class of the layer or of the operation, or `Outputs` or `Item`.
        name: of the layer.
        inputs: the nodes that it reads.
        dtype: the layer's dtype policy; None where it is no layer.
        config: arguments of the layer other than name and dtype.
        weights: those of the layer in its order. Of a convolution float64 kernel and perhaps bias;
            of a batch norm float64 gamma, beta, mean and variance.
        arguments: (args, kwargs) of the call, in which symbolic tensors stand for `inputs` in their
            order; None for the inputs alone: one tensor, or a list of several.
        operation: what is called again where it is no layer.
    """

    kind: Any
    name: str
    inputs: list["Node"]
    dtype: Any = None
    config: dict[str, Any] = field(default_factory=dict)
    weights: list[np.ndarray] = field(default_factory=list)
    arguments: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    operation: keras.Operation | None = None


def ordered(output: Node) -> list[Node]:
    """The nodes that an output needs, each after those that it reads."""
    done: dict[Node, None] = {}
    waiting = [output]
    while waiting:
        node = waiting[-1]
        missing = [each for each in node.inputs if each not in done]
        if missing:
            waiting.extend(reversed(missing))
        else:
            done[waiting.pop()] = None
    return list(done)


def readers(output: Node) -> dict[Node, list[Node]]:
    """The nodes that read each node, one entry for each time."""
    found: dict[Node, list[Node]] = {node: [] for node in ordered(output)}
    for node in found:
        for each in node.inputs:
            found[each].append(node)
    return found


def bypass(node: Node, graph: dict[Node, list[Node]]) -> None:
    """Let all readers of a node with one input read that input instead."""
    (source,) = node.inputs
    graph[source].remove(node)
    for reader in graph.pop(node):
        reader.inputs = [source if each is node else each for each in reader.inputs]
        graph[source].append(reader)
