"""What the kernels of a compiled training step on JAX belong to."""

import re
from collections.abc import Mapping, Sequence

from lab.latency.rows import Part

AUGMENTATION, FORWARD, LOSS, BACKWARD, OPTIMISER = PARTS = (
    "augmentation",
    "forward",
    "loss",
    "backward",
    "clipping, optimiser, averages",
)
AUGMENT = "augment"  # name of the layer
# The first that a kernel's name has; XLA names its own by what they compute, libraries by theirs.
KINDS = {
    "depthwise convolutions": ("depthwise",),
    "convolutions by cuDNN": ("convolve", "conv2d", "cudnn", "nhwc", "fprop", "dgrad", "wgrad"),
    "products of matrices": ("gemm", "nvjet", "cublas", "cutlass", "dot"),
    "copies": ("memcpy", "memset", "wrapped_copy", "copy_fusion"),
    "scatters, of pooling and gathers": ("scatter",),
    "sums, of batch norms, biases and loss": ("reduce",),
}
OTHERS = "pixel by pixel"
GRADIENTS = list(KINDS)[:3]  # which XLA also puts between the updates of weights
_INSTRUCTION = re.compile(r'^\s*(?:ROOT )?%([\w.\-]+) = .*op_name="([^"]*)"', re.MULTILINE)

Kernel = tuple[str, float]  # name, seconds


def origins(program: str) -> dict[str, str]:
    """From the names of kernels to where in the model they come from, of a compiled program's text.

    XLA names a kernel by its instruction, with underscores for what C does not allow in a name.
    """
    return {
        re.sub(r"\W", "_", name): origin for name, origin in _INSTRUCTION.findall(program) if origin
    }


def part_of(origin: str, network: str, optimiser: str) -> str | None:
    """The part of the step that an operation is in, by its path; None where that says nothing."""
    path = origin.split("/")
    if len(path) < 3 or not path[0].startswith("jit("):
        return None
    scope = re.sub(r"transpose\(|jvp\(|\)", "", path[1])
    differentiated, backwards = "jvp(" in path[1], "transpose(" in path[1]
    if scope == AUGMENT:
        return AUGMENTATION
    if scope == optimiser:
        return OPTIMISER
    if scope == network:
        return BACKWARD if backwards else FORWARD
    return LOSS if differentiated and scope else None


def kind_of(name: str) -> str:
    """What a kernel computes, by its name."""
    lowered = name.lower()
    return next((kind for kind, words in KINDS.items() if any(w in lowered for w in words)), OTHERS)


def step_parts(
    kernels: Sequence[Kernel], origin: Mapping[str, str], network: str, optimiser: str, runs: int
) -> list[Part]:
    """The time of kernels by part of the step, and by kind.

    Args:
        kernels: in the order in which they ran, of several steps. One whose origin is not known,
            of a library say, counts with the one before it; a convolution or product between the
            updates of weights is a gradient.
        origin: as `origins` gives it.
        network, optimiser: their names.
        runs: how many steps they are of.
    """
    parts = dict.fromkeys(PARTS, 0.0)
    kinds = dict.fromkeys([*KINDS, OTHERS], 0.0)
    current = AUGMENTATION  # a step begins with it
    for name, seconds in kernels:
        current = part_of(origin.get(name, ""), network, optimiser) or current
        kind = kind_of(name)
        gradient = current == OPTIMISER and kind in GRADIENTS
        parts[BACKWARD if gradient else current] += seconds / runs
        kinds[kind] += seconds / runs
    return [
        *(Part("step", name, seconds) for name, seconds in parts.items()),
        *(Part("kind", name, seconds) for name, seconds in kinds.items()),
    ]
