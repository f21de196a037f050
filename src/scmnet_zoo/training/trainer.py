"""The training loop: a network, frames in memory, a recipe, on whatever backend Keras runs."""

import contextlib
import inspect
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
from keras import ops

from scmnet_zoo.data import reader_of
from scmnet_zoo.data.augment import Augment
from scmnet_zoo.data.frames import DeviceFrames, Frames
from scmnet_zoo.losses import CrossEntropy
from scmnet_zoo.models import factory_of
from scmnet_zoo.training.recipe import Recipe
from scmnet_zoo.weights import Metadata, Normalisation, write_checkpoint

logger = logging.getLogger(__name__)

# Arguments of the factories that training sets itself, or that a file of weights cannot state.
NOT_OF_A_RECIPE = {
    "weights",
    "num_classes",
    "input_shape",
    "include_preprocessing",
    "classifier_activation",
    "auxiliary",  # a second output, which the loss does not know
    "backbone_weights",
    "name",
}


class TrainingModel(keras.Model):
    """A network between augmentation and loss, so that all of it runs in one compiled step.

    Args:
        source: from what a batch holds to uint8 images (batch, height, width, 3) and labels
            (batch, height, width), e.g. `DeviceFrames`.
        network: from images 0..255 to logits at the images' size.
        augment: applied in training only.
        loss_function: of labels and logits.
    """

    def __init__(
        self,
        source: keras.layers.Layer,
        network: keras.Model,
        augment: Augment,
        loss_function: keras.losses.Loss,
    ):
        super().__init__(name="training")
        self.source = source
        self.network = network
        self.augment = augment
        self.loss_function = loss_function

    def call(self, inputs, training=None):
        images, labels = self.source(inputs)
        if training:
            images, labels = self.augment(images, labels)
        return {"logits": self.network(images, training=training), "label": labels}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = self.loss_function(y_pred["label"], y_pred["logits"])
        self._loss_tracker.update_state(loss)
        return loss


class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear from 0 to `peak` over `warmup_steps`, then a cosine to 0 at `steps`."""

    def __init__(self, peak: float, warmup_steps: int, steps: int):
        self.peak, self.warmup_steps, self.steps = peak, warmup_steps, steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rising = step / max(self.warmup_steps, 1)
        done = (step - self.warmup_steps) / max(self.steps - self.warmup_steps, 1)
        falling = 0.5 * (1 + ops.cos(np.pi * ops.clip(done, 0.0, 1.0)))
        return self.peak * ops.where(step < self.warmup_steps, rising, falling)

    def get_config(self):
        return {"peak": self.peak, "warmup_steps": self.warmup_steps, "steps": self.steps}


def class_weights(shares: np.ndarray, kind: str) -> list[float] | None:
    """Weights of the classes from their shares of the pixels; see `Recipe.class_weights`."""
    if kind == "none":
        return None
    if kind == "log":
        return [float(weight) for weight in 1 / np.log(1.10 + shares)]
    median = np.median(shares[shares > 0])  # of the classes that occur
    return [float(weight) for weight in np.sqrt(median / np.maximum(shares, 1e-6))]


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Set Keras's global dtype policy for as long as networks are built, and restore it."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def optimiser(recipe: Recipe, network: keras.Model) -> keras.optimizers.Optimizer:
    """AdamW with the recipe's schedule; biases and batch norms are spared the weight decay."""
    adamw = keras.optimizers.AdamW(
        WarmupCosine(recipe.learning_rate, recipe.warmup_steps, recipe.steps),
        weight_decay=recipe.weight_decay,
        global_clipnorm=recipe.clip_norm,
        use_ema=True,
        ema_momentum=recipe.ema,
    )
    spared = [v for v in network.trainable_variables if v.path.rsplit("/", 1)[1] != "kernel"]
    adamw.exclude_from_weight_decay(var_list=spared)
    if recipe.precision == "mixed_float16":  # small gradients would vanish in it
        return keras.optimizers.LossScaleOptimizer(adamw)
    return adamw


def fit(
    network: keras.Model,
    frames: Frames,
    recipe: Recipe,
    seed: int = 0,
    log_every: int = 500,
    callbacks: tuple[keras.callbacks.Callback, ...] = (),
) -> list[float]:
    """Train a network, built to give logits, in place; it ends with the averaged weights.

    Args:
        network: from images 0..255 to logits at the images' size.
        frames: the training frames.
        recipe: what to do.
        seed: of the order of frames and of the augmentation.
        log_every: the most steps between two lines of the log.
        callbacks: Keras callbacks; an epoch is what lies between two lines of the log. Where
            `steps` does not divide evenly into epochs, the last ones follow at learning rate 0.

    Returns:
        The mean loss of each epoch.

    Raises:
        ValueError: the loss became NaN.
    """
    loss = CrossEntropy(
        class_weights(frames.class_shares(), recipe.class_weights), recipe.label_smoothing
    )
    model = TrainingModel(DeviceFrames(frames), network, Augment(recipe.augmentation, seed), loss)
    model.compile(
        optimizer=optimiser(recipe, network), jit_compile=keras.backend.backend() == "jax"
    )
    epochs = -(-recipe.steps // log_every)
    epoch_steps = -(-recipe.steps // epochs)
    history = model.fit(
        ((numbers,) for numbers in frames.order(recipe.batch_size, seed)),
        steps_per_epoch=epoch_steps,
        epochs=epochs,
        callbacks=[LogLoss(epoch_steps), *callbacks],
        verbose=0,
    )
    return [float(value) for value in history.history["loss"]]


class LogLoss(keras.callbacks.Callback):
    """Logs the mean loss of each epoch and stops where it is not a number."""

    def __init__(self, steps: int):
        super().__init__()
        self.steps = steps

    def on_epoch_end(self, epoch, logs=None):
        loss = (logs or {}).get("loss", float("nan"))
        logger.info("step %d loss %.4f", (epoch + 1) * self.steps, loss)
        if not np.isfinite(loss):
            raise ValueError(
                f"Expected a finite loss. Received: {loss} by step {(epoch + 1) * self.steps}"
            )


def train(
    network: str, dataset: str, data: str | os.PathLike, recipe: Recipe, output: Path, seed: int = 0
) -> keras.Model:
    """Train a network from nothing on a dataset's train split and write its weights.

    Args:
        network: key of the network, e.g. `"scmnet"`.
        dataset: name of the dataset, e.g. `"camvid"`.
        data: its folder.
        recipe: what to do.
        output: the `.safetensors` file to write, once the run is over.
        seed: of the initial weights, the order of frames and the augmentation.

    Returns:
        The trained network, with float32 weights, giving probabilities.

    Raises:
        ValueError: an unknown network or dataset, arguments that the network does not take, data
            that cannot be read, or an output that is not a `.safetensors` file in an existing
            folder.
    """
    factory, reader = factory_of(network), reader_of(dataset)
    output = Path(output)
    if output.suffix != ".safetensors" or not output.parent.is_dir() or output.is_dir():
        raise ValueError(
            "Expected an output that ends in .safetensors, in an existing folder. "
            f"Received: {output}"
        )
    _check_arguments(network, factory, recipe)
    frames = Frames(reader(data, "train"), recipe.frame_size)
    space = frames.dataset.space
    logger.info("%d frames of %s, %s on %s", len(frames.images), dataset, network, recipe)
    keras.utils.set_random_seed(seed)
    with dtype_policy(recipe.precision):
        model = factory(
            num_classes=len(space.labels), classifier_activation=None, **recipe.arguments
        )
    fit(model, frames, recipe, seed)
    with dtype_policy("float32"):
        trained = factory(num_classes=len(space.labels), **recipe.arguments)
    trained.set_weights(model.get_weights())
    metadata = Metadata(
        network=network,
        arguments=recipe.arguments,
        classes=space.classes,
        normalisation=normalisation_of(trained),
        training_size=recipe.frame_size,
    )
    write_checkpoint(output, trained, metadata)
    logger.info("wrote %s", output)
    return trained


def _check_arguments(network: str, factory: Callable[..., keras.Model], recipe: Recipe) -> None:
    taken = sorted(set(inspect.signature(factory).parameters) - NOT_OF_A_RECIPE)
    for key in recipe.arguments:
        if key not in taken:
            raise ValueError(
                f"Expected the recipe's [network] to hold arguments of {network} among "
                f"{', '.join(taken)}. Received: {key}"
            )


def normalisation_of(model: keras.Model) -> Normalisation:
    """The mean and standard deviation that a network of the zoo normalises its input with."""
    layer = model.get_layer("preprocessing")
    return Normalisation(tuple(layer.mean), tuple(layer.std))
