"""The layers of a network as plain nodes, while they are taken apart and folded."""

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np


@dataclass(eq=False)
class Node:
    """One layer of the network to be.

    Attributes:
        kind: class of the layer.
        name: of the layer.
        inputs: the nodes that it reads.
        dtype: the layer's dtype policy.
        config: arguments of the layer other than name and dtype.
        weights: those of the layer in its order, float64: kernel and perhaps bias of a
            convolution; gamma, beta, mean and variance of a batch norm.
    """

    kind: type[keras.layers.Layer]
    name: str
    inputs: list["Node"]
    dtype: Any
    config: dict[str, Any] = field(default_factory=dict)
    weights: list[np.ndarray] = field(default_factory=list)


def ordered(output: Node) -> list[Node]:
    """The nodes that an output needs, each behind those that it reads."""
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
    """Let all that read a node with one input read that input."""
    (source,) = node.inputs
    graph[source].remove(node)
    for reader in graph.pop(node):
        reader.inputs = [source if each is node else each for each in reader.inputs]
        graph[source].append(reader)
