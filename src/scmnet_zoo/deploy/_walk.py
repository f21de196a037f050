"""The layers of a functional model in the order they run."""

from typing import Any, NamedTuple

import keras


class Step(NamedTuple):
    """One call of a layer.

    Attributes:
        layer: what is called.
        inputs: the symbolic tensors it reads.
        output: the one it makes.
    """

    layer: keras.layers.Layer
    inputs: tuple[Any, ...]
    output: Any


def walk(model: keras.Model) -> list[Step]:
    """The calls that lead to a model's output, each after those it reads from.

    Args:
        model: a functional model with one output, whose layers have one each.

    Raises:
        ValueError: it has several outputs.
    """
    if len(model.outputs) != 1:
        raise ValueError(f"Expected a model with one output. Received: {len(model.outputs)}")
    done: dict[int, Step] = {}
    todo = [model.outputs[0]]
    while todo:
        tensor = todo[-1]
        step = _step(tensor)
        missing = [one for one in step.inputs if id(one) not in done]
        if missing and id(tensor) not in done:
            todo += missing
            continue
        done.setdefault(id(tensor), step)
        todo.pop()
    return list(done.values())


def _step(tensor) -> Step:
    history = tensor._keras_history
    node = history.operation._inbound_nodes[history.node_index]
    return Step(history.operation, tuple(node.input_tensors), tensor)


def readers(steps: list[Step]) -> dict[int, list[Step]]:
    """By the `id` of each step's output the steps that read it."""
    found: dict[int, list[Step]] = {id(step.output): [] for step in steps}
    for step in steps:
        for tensor in step.inputs:
            found[id(tensor)].append(step)
    return found


def replay(model: keras.Model, image):
    """What a model's layers, called once more, make of another symbolic image."""
    made: dict[int, Any] = {}
    for step in walk(model):
        if isinstance(step.layer, keras.layers.InputLayer):
            made[id(step.output)] = image
            continue
        given = [made[id(tensor)] for tensor in step.inputs]
        made[id(step.output)] = step.layer(given if len(given) > 1 else given[0])
    return made[id(model.outputs[0])]
