"""Dropout on PyTorch: its generator is one of the process and no part of a run's state."""

from collections.abc import Callable

import keras
import numpy as np
import torch


class SeedDropout(keras.callbacks.Callback):
    """Seeds PyTorch before each step by the run's seed and the step.

    Only for PyTorch: elsewhere a callback for steps would make each wait for the one before.

    Args:
        seed: of the run.
        begun: how many steps of the run came before the epoch or what is left of it.
    """

    def __init__(self, seed: int, begun: Callable[[], int]):
        super().__init__()
        self.seed, self.begun = seed, begun

    def on_train_batch_begin(self, batch, logs=None):
        sequence = np.random.SeedSequence([self.seed, self.begun() + batch])
        torch.manual_seed(int(sequence.generate_state(1)[0]))
