"""The calls of layers in a functional model, in the order in which they run."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras


class Step(NamedTuple):
    """One call of a layer.

    Attributes:
        layer: what is called.
        inputs: the symbolic tensors that it reads.
        output: the symbolic tensor that it makes.
    """

    layer: keras.layers.Layer
    inputs: tuple[Any, ...]
    output: Any


def call_of(tensor: Any) -> Any:
    """Keras's record of the call that made a symbolic tensor; None where no call did."""
    history = getattr(tensor, "_keras_history", None)
    if history is None or history.operation is None:
        return None
    return history.operation._inbound_nodes[history.node_index]


def calls(tensors: Sequence[Any]) -> list[Any]:
    """Keras's records of the calls that lead to tensors, each after those that it reads from."""
    done: dict[int, Any] = {}
    todo = [call for tensor in tensors if (call := call_of(tensor)) is not None]
    while todo:
        call = todo[-1]
        before = [found for tensor in call.input_tensors if (found := call_of(tensor)) is not None]
        missing = [found for found in before if id(found) not in done]
        if missing and id(call) not in done:
            todo += missing
            continue
        done.setdefault(id(call), call)
        todo.pop()
    return list(done.values())


def fill(
    args: tuple[Any, ...], kwargs: dict[str, Any], replace: Callable[[Any], Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A call's arguments with `replace(tensor)` in the place of each symbolic tensor."""
    return keras.tree.map_structure(
        lambda value: replace(value) if isinstance(value, keras.KerasTensor) else value,
        (tuple(args), dict(kwargs)),
    )


def walk(model: keras.Model) -> list[Step]:
    """The calls that lead to a model's output, each after those that it reads from.

    Args:
        model: a functional model with one output, whose layers have one output each.

    Raises:
        ValueError: it has several outputs.
    """
    if len(model.outputs) != 1:
        raise ValueError(f"Expected a model with one output. Received: {len(model.outputs)}")
    return [
        Step(call.operation, tuple(call.input_tensors), call.outputs[0])
        for call in calls(model.outputs)
    ]


def call_again(step: Step, made: dict[int, Any], layer: Any = None) -> Any:
    """What a step's layer gives for other tensors.

    Args:
        step: the step.
        made: the tensors to take, by the `id` of the symbolic ones that they replace.
        layer: called instead of the step's.
    """
    recorded = call_of(step.output).arguments
    args, kwargs = fill(recorded.args, recorded.kwargs, lambda tensor: made[id(tensor)])
    return (layer or step.layer)(*args, **kwargs)


def readers(steps: list[Step]) -> dict[int, list[Step]]:
    """By the `id` of each step's output the steps that read it."""
    found: dict[int, list[Step]] = {id(step.output): [] for step in steps}
    for step in steps:
        for tensor in step.inputs:
            found[id(tensor)].append(step)
    return found


def replay(model: keras.Model, image: Any) -> Any:
    """What a model's layers, called once more, make of another symbolic image."""
    made: dict[int, Any] = {}
    for step in walk(model):
        if isinstance(step.layer, keras.layers.InputLayer):
            made[id(step.output)] = image
        else:
            made[id(step.output)] = call_again(step, made)
    return made[id(model.outputs[0])]
