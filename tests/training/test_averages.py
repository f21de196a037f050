import numpy as np
import pytest
from testing_tools import arrays, randomise, toy

from scmnet_zoo.training.averages import Averages


@pytest.mark.parametrize("momentum", [0.3, 0.999])
def test_the_recurrence(momentum):
    """As NumPy has it: the momentum grows as (1 + t) / (10 + t) up to its value."""
    network = randomise(toy(), seed=0)
    averages = Averages(network, momentum)
    expected = {path: np.array(value, np.float64) for path, value in arrays(network).items()}
    assert any("moving_variance" in path for path in expected)
    for step in range(8):
        randomise(network, seed=step + 1)
        weights = arrays(network)
        share = min(momentum, (1 + step) / (10 + step))
        for path, value in expected.items():
            expected[path] = share * value + (1 - share) * weights[path]
        averages.update(network)
    before = {path: np.array(value) for path, value in arrays(network).items()}
    share = min(momentum, 9 / 18)
    averages.copy_to(network)
    for path, value in arrays(network).items():
        wanted = share * expected[path] + (1 - share) * before[path]
        np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-6, err_msg=path)


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
    averages.copy_to(network)
    for path, value in arrays(network).items():
        np.testing.assert_allclose(value, before[path], rtol=1e-6, err_msg=path)
