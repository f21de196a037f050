"""The stages of a network's inference form, in an order in which they can run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from lab.latency.floor import SIZED_BY_PARTNER, floor
from scmnet_zoo.deploy._walk import Step, walk
from scmnet_zoo.layers import ImageInput

BRANCHES = ("deep", "shallow", "global")  # of which the next word of a layer's name is a stage


def stage_of(layer: str) -> str:
    """The stage of a layer by its name, e.g. `"deep_stage2"` of `deep_stage2_0_expand_conv`."""
    first, *others = layer.split("_")
    return f"{first}_{others[0]}" if first in BRANCHES and others else first


@dataclass(frozen=True)
class Stage:
    """Layers that belong together.

    Attributes:
        name: of the stage.
        layers: their names.
        kept: what it and the stages before it have made and later ones, or the caller, read.
    """

    name: str
    layers: tuple[str, ...]
    kept: tuple[Any, ...]


def stages(model: keras.Model) -> list[Stage]:
    """The stages of what `scmnet_zoo.deploy.fuse` gives, each behind those that it reads.

    Layers of a stage without weights, as a normalisation or a sum of two branches, are done in
    the stage that reads them.

    Raises:
        ValueError: two stages read each other.
    """
    steps = [one for one in walk(model) if not isinstance(one.layer, keras.layers.InputLayer)]
    place = _places(steps)
    names = _ordered(steps, place)
    rank = {name: number for number, name in enumerate(names)}
    makers = {id(step.output): step for step in steps}
    found = []
    for number, name in enumerate(names):
        kept: dict[int, Any] = {}
        for step in steps:
            if rank[place[id(step.output)]] <= number:
                continue
            for tensor in read_by(step):
                maker = makers.get(id(tensor))
                if maker is None or isinstance(maker.layer, ImageInput):
                    continue  # made again of the image
                if rank[place[id(tensor)]] <= number:
                    kept[id(tensor)] = tensor
        last = number == len(names) - 1
        layers = tuple(step.layer.name for step in steps if place[id(step.output)] == name)
        found.append(Stage(name, layers, tuple(model.outputs if last else kept.values())))
    return found


def stage_floors(model: keras.Model, precision: str) -> dict[str, tuple[int, int]]:
    """Multiply-adds and bytes that each stage cannot do without; see `benchmark.floor`."""
    place = {layer: stage.name for stage in stages(model) for layer in stage.layers}
    found: dict[str, tuple[int, int]] = {}
    for group in floor(model, precision).groups:
        name = place.get(group.names[0], stage_of(group.names[0]))
        macs, moved = found.get(name, (0, 0))
        found[name] = (macs + group.macs, moved + group.bytes)
    return found


def read_by(step: Step) -> Sequence[Any]:
    """The tensors whose values a layer reads: not the partner whose size a map takes."""
    return step.inputs[:1] if isinstance(step.layer, SIZED_BY_PARTNER) else step.inputs


def _places(steps: list[Step]) -> dict[int, str]:
    """By tensor, the stage that makes it."""
    weighted = {stage_of(step.layer.name) for step in steps if step.layer.weights}
    place: dict[int, str] = {}
    for step in reversed(steps):  # those that read it come behind it
        name = stage_of(step.layer.name)
        if name not in weighted:
            readers = [other for other in steps if any(one is step.output for one in other.inputs)]
            name = place[id(readers[0].output)] if readers else name
        place[id(step.output)] = name
    return place


def _ordered(steps: list[Step], place: dict[int, str]) -> list[str]:
    """The stages' names, in the order of their first layers as far as what they read allows."""
    needs: dict[str, set[str]] = {}
    for step in steps:
        name = place[id(step.output)]
        before = {place[id(tensor)] for tensor in step.inputs if id(tensor) in place}
        needs.setdefault(name, set()).update(before - {name})
    done: list[str] = []
    while len(done) < len(needs):
        ready = [name for name in needs if name not in done and needs[name] <= set(done)]
        if not ready:
            raise ValueError("Expected stages that read earlier ones. Received: a circle of them")
        done.append(ready[0])
    return done
