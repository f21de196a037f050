"""Dropout on PyTorch, whose random generator belongs to the process, not to a run's state."""

from collections.abc import Callable

import keras
import numpy as np
import torch


class SeedDropout(keras.callbacks.Callback):
    """Seeds PyTorch before each step with the run's seed and the step.

    For PyTorch only: on other backends a callback per step makes each step wait for the previous.

    Args:
        seed: seed of the run.
        begun: returns the number of steps before the current call of `fit`.
    """

    def __init__(self, seed: int, begun: Callable[[], int]):
        super().__init__()
        self.seed, self.begun = seed, begun

    def on_train_batch_begin(self, batch, logs=None):
        sequence = np.random.SeedSequence([self.seed, self.begun() + batch])
        torch.manual_seed(int(sequence.generate_state(1)[0]))
