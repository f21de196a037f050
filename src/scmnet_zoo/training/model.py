"""Frames, augmentation, network and loss as one Keras model, compiled as one step."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from scmnet_zoo.data.augment import Augment
from scmnet_zoo.data.labels import LabelSpace
from scmnet_zoo.layers._types import Tensor
from scmnet_zoo.losses.with_auxiliary import MAIN
from scmnet_zoo.metrics import SegmentationScores
from scmnet_zoo.training.averages import Averages
from scmnet_zoo.training.distillation import Distillation
from scmnet_zoo.training.feature_distillation import FeatureDistillation
from scmnet_zoo.training.teachers import Teachers


class TrainingModel(keras.Model):
    """Frames, augmentation, network and loss.

    Args:
        source: from a batch to uint8 images (batch, height, width, 3), labels
            (batch, height, width) and, for frames without labels, teachers' probabilities; e.g.
            `DeviceFrames`.
        network: from images 0..255 to logits at the images' size, or a dict of those.
        augment: the augmentation.
        loss_function: loss of labels and logits.
        momentum: momentum of the averages of the weights, 0 for none.
        first_step: number of earlier steps of the run.
        teachers: teachers that predict each batch; None for none.
        feature_distillation: the loss of the network's features; None for none.
        distillation: the loss of the logits against the source's probabilities; required if the
            source has them.

    Attributes:
        averages: averages of the weights; None for none.
        steps_seen: int32, number of completed steps of the run.
        loss_sum: float32, sum of the losses of the epoch's steps; its reader resets it.
        first_bad: int32, the first step with a loss that is not finite, from 1; 0 for none.
    """

    def __init__(
        self,
        source: keras.layers.Layer,
        network: keras.Model,
        augment: Augment,
        loss_function: keras.losses.Loss,
        momentum: float = 0.0,
        first_step: int = 0,
        teachers: Teachers | None = None,
        feature_distillation: FeatureDistillation | None = None,
        distillation: Distillation | None = None,
    ):
        super().__init__(name="training")
        self.source = source
        self.network = network
        self.augment = augment
        self.loss_function = loss_function
        self.averages: Averages | None = Averages(network, momentum) if momentum else None
        self.teachers = teachers
        self.feature_distillation = feature_distillation
        self.distillation = distillation
        self.steps_seen: keras.Variable = self._counter("steps_seen", first_step)
        self.loss_sum: keras.Variable = self._counter("loss_sum", 0, "float32")
        self.first_bad: keras.Variable = self._counter("first_bad", 0)

    def _counter(self, name: str, value: int, dtype: str = "int32") -> keras.Variable:
        start = keras.initializers.Constant(value)
        return self.add_weight(shape=(), dtype=dtype, initializer=start, trainable=False, name=name)

    def call(self, inputs: Any, training: bool | None = None) -> dict[str, Any]:
        images, labels, *told = self.augment(*self.source(inputs))
        result = {"label": labels}
        if told:
            result["told"] = told[0]
        if self.feature_distillation is None:
            result["logits"] = self.network(images, training=training)
        else:
            seen = self.feature_distillation.observe(images, training)
            result["logits"] = seen["outputs"]
            result["feature_distillation"] = self.feature_distillation.loss(images, seen["maps"])
        if self.teachers is not None:
            result["taught"] = self.teachers(images)
        return result

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        loss = self.loss_function(y_pred["label"], y_pred["logits"])
        if self.teachers is not None:
            loss = loss + self.teachers.loss(y_pred["label"], y_pred["taught"], y_pred["logits"])
        if self.distillation is not None:
            loss = loss + self.distillation(y_pred["told"], y_pred["logits"])
        if self.feature_distillation is not None:
            loss = loss + y_pred["feature_distillation"]
        step = self.steps_seen.value + 1
        fresh = ops.logical_and(self.first_bad.value == 0, ops.logical_not(ops.isfinite(loss)))
        self.first_bad.assign(ops.where(fresh, step, self.first_bad.value))
        self.steps_seen.assign(step)
        self.loss_sum.assign(self.loss_sum.value + ops.cast(loss, "float32"))
        return loss

    def train_step(self, *arguments: Any) -> Any:
        """Run a step and average the weights after it; called by Keras."""
        result = super().train_step(*arguments)
        if self.averages is None:
            return result
        if keras.backend.backend() != "jax":
            self.averages.update(self.network)
            return result
        from scmnet_zoo.training import _jax

        logs, (trainable, fixed, *others) = result
        return logs, (trainable, _jax.averaged(self, trainable, fixed), *others)

    def __setattr__(self, name: str, value: Any) -> None:
        # Keras 3.15 sets this attribute at each step on JAX. Tracking would search its thousand
        # arrays for layers and variables, which keeps the GPU waiting for milliseconds.
        if name == "_jax_state":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def make_train_function(self, force: bool = False) -> None:
        """Compile the step; called by Keras."""
        if keras.backend.backend() != "jax":
            super().make_train_function(force)
        elif force or getattr(self, "train_function", None) is None:
            from scmnet_zoo.training import _jax

            self.train_function: Callable[..., Any] = _jax.train_function(self.train_step)

    def state(self) -> list[keras.Variable]:
        """Variables that training changes, with random seeds; not those of the optimiser."""
        guide = None if self.feature_distillation is None else self.feature_distillation.guide
        fixed = [layer for layer in (self.source, self.teachers, guide) if layer is not None]
        left_out = {id(variable) for layer in fixed for variable in layer.variables}
        return [variable for variable in self.variables if id(variable) not in left_out]


class ValidationModel(keras.Model):
    """Frames, network, loss and confusion matrix, without augmentation.

    Args:
        source: as for `TrainingModel`.
        network: as for `TrainingModel`.
        loss_function: loss of labels and logits.
        space: the classes.
        batch_size: frames per batch.
        size: (height, width) of the frames.

    Attributes:
        shown: uint8 (batch, height, width), predictions of the last batch.
    """

    def __init__(
        self,
        source: keras.layers.Layer,
        network: keras.Model,
        loss_function: keras.losses.Loss,
        space: LabelSpace,
        batch_size: int,
        size: tuple[int, int],
    ):
        super().__init__(name="validation")
        self.source = source
        self.network = network
        self.loss_function = loss_function
        self.scores: SegmentationScores = SegmentationScores(space, per_class=True)
        self.shown: keras.Variable = self.add_weight(
            shape=(batch_size, *size),
            dtype="uint8",
            initializer="zeros",
            trainable=False,
            name="shown",
        )

    def call(self, inputs: Any, training: bool | None = None) -> dict[str, Any]:
        images, labels = self.source(inputs)[:2]
        return {"logits": self.network(images, training=False), "label": labels}

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        return self.loss_function(y_pred["label"], y_pred["logits"])

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        logits = y_pred["logits"]
        logits = logits[MAIN] if isinstance(logits, dict) else logits
        self.shown.assign(ops.cast(ops.argmax(logits, axis=-1), "uint8"))
        self.scores.update_state(y_pred["label"], logits)
        return self.get_metrics_result()
