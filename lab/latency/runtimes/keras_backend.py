"""Keras networks on the backend of this process, compiled as the backend does it."""

import keras
import numpy as np

from lab.latency.networks import keras_network
from lab.latency.preset import Cell
from lab.latency.program import Program


def keras_program(cell: Cell) -> Program:
    """A Keras network, ready to run.

    Raises:
        ValueError: another backend runs in this process, or there is no such network.
    """
    backend = keras.backend.backend()
    if backend != cell.runtime:
        raise ValueError(f"Expected Keras on {cell.runtime}. Received: {backend}")
    keras.utils.set_random_seed(0)
    model = keras_network(cell)
    return {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[backend](model, cell)


def _tensorflow(model: keras.Model, cell: Cell) -> Program:
    import tensorflow as tf

    kind = tf.float32 if cell.scope == "network" else tf.uint8
    # Not XLA: on CPUs it takes ten times as long.
    signature = [tf.TensorSpec((1, *cell.size, 3), kind)]
    function = tf.function(
        lambda image: model(image, training=False),
        input_signature=signature,
        jit_compile=False,
    ).get_concrete_function()
    return Program(
        call=function,
        place=tf.constant,
        wait=lambda result: tf.test.experimental.sync_devices(),
        fetch=lambda result: result.numpy(),
    )


def _jax(model: keras.Model, cell: Cell) -> Program:
    """The image is the only argument of the inference form, whose weights are constants: to hand
    over some hundred of them takes longer than a small network. Other forms are what
    `model.predict` compiles, with the weights as arguments."""
    import jax

    def run(trainable, fixed, image):
        outputs, _ = model.stateless_call(trainable, fixed, image, training=False)
        return outputs

    trainable = [variable.value for variable in model.trainable_variables]
    fixed = [variable.value for variable in model.non_trainable_variables]
    kind = np.float32 if cell.scope == "network" else np.uint8
    image = jax.ShapeDtypeStruct((1, *cell.size, 3), kind)
    if cell.form == "fused":
        compiled = jax.jit(lambda image: run(trainable, fixed, image)).lower(image).compile()
        constants = sum(value.nbytes for value in [*trainable, *fixed])
        weights: tuple[list, ...] = ()
    else:
        compiled = jax.jit(run).lower(trainable, fixed, image).compile()
        constants, weights = 0, (trainable, fixed)

    def memory() -> int | None:
        """Arguments, result and what lies between, as XLA laid it out, and the constants."""
        needs = compiled.memory_analysis()
        if needs is None or jax.default_backend() == "cpu":
            return None
        laid_out = (needs.argument_size_in_bytes, needs.output_size_in_bytes)
        return sum(laid_out) + needs.temp_size_in_bytes + constants

    return Program(
        call=lambda image: compiled(*weights, image),
        place=jax.device_put,
        wait=jax.block_until_ready,
        fetch=np.asarray,
        memory=memory,
    )


def _torch(model: keras.Model, cell: Cell) -> Program:
    """Eager, but the inference form on a GPU, which is compiled into a CUDA graph."""
    from lab.latency.runtimes.torch_module import torch_program

    return torch_program(model.eval(), compiled=cell.form == "fused" and _on_gpu())


def _on_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
