import keras
import numpy as np
import pytest
from testing_tools import arrays, randomise, toy

from scmnet_zoo.data.augment import Augment, Augmentation
from scmnet_zoo.losses import CrossEntropy
from scmnet_zoo.training.averages import Averages
from scmnet_zoo.training.model import TrainingModel


@pytest.mark.parametrize("momentum", [0.3, 0.999])
def test_the_recurrence(momentum):
    """As NumPy has it: the momentum of update t is (1 + t) / (10 + t) up to its value."""
    network = randomise(toy(), seed=0)
    averages = Averages(network, momentum)
    expected = {path: np.array(value, np.float64) for path, value in arrays(network).items()}
    assert any("moving_variance" in path for path in expected)
    for step in range(8):
        randomise(network, seed=step + 1)
        weights = arrays(network)
        share = min(momentum, (2 + step) / (11 + step))
        for path, value in expected.items():
            expected[path] = share * value + (1 - share) * weights[path]
        averages.update(network)
    averages.copy_to(network)
    for path, value in arrays(network).items():
        np.testing.assert_allclose(value, expected[path], rtol=1e-5, atol=1e-6, err_msg=path)


def test_copying_takes_nothing_in():
    network = randomise(toy(), seed=0)
    averages = Averages(network, 0.9)
    first = np.array(averages.values.numpy())
    randomise(network, seed=1)
    averages.copy_to(network)
    np.testing.assert_array_equal(averages.values.numpy(), first)
    assert int(averages.steps.numpy()) == 0


def test_restarting():
    network = randomise(toy(), seed=0)
    averages = Averages(network, 0.9)
    averages.update(network)
    randomise(network, seed=1)
    averages.restart(network)
    before = {path: np.array(value) for path, value in arrays(network).items()}
    randomise(network, seed=2)
    averages.copy_to(network)
    for path, value in arrays(network).items():
        np.testing.assert_allclose(value, before[path], rtol=1e-6, err_msg=path)


@pytest.fixture
def model(train_frames):
    network = toy()
    augment = Augment(Augmentation(crop=(32, 32)))
    made = TrainingModel(train_frames.layer, network, augment, CrossEntropy(), momentum=0.9)
    jit = keras.backend.backend() == "jax"
    made.compile(optimizer=keras.optimizers.AdamW(0.1), jit_compile=jit)
    return made


def test_in_training_steps(model, train_frames):
    """The averages take in what each step has left."""
    batch = train_frames.get(np.arange(2, dtype=np.int32))
    expected = {path: np.array(value) for path, value in arrays(model.network).items()}
    for step in range(3):
        model.train_on_batch(batch)
        share = (2 + step) / (11 + step)
        for path, value in arrays(model.network).items():
            expected[path] = share * expected[path] + (1 - share) * value
    row = keras.ops.convert_to_numpy(model.averages.values.value)
    wanted = np.concatenate([expected[v.path].ravel() for v in model.network.weights])
    np.testing.assert_allclose(row, wanted, rtol=1e-5, atol=1e-6)
    assert int(keras.ops.convert_to_numpy(model.averages.steps.value)) == 3


def test_the_state_of_jax_is_not_looked_through(model):
    before = len(model.variables)
    model._jax_state = {"trainable_variables": [keras.Variable([1.0])]}
    assert len(model.variables) == before
