import math

import keras
import pytest

from scmnet_zoo.training import OptimiserSettings
from scmnet_zoo.training.schedule import Schedule, schedule_of


def _rates(settings, steps, places):
    schedule = schedule_of(settings, steps)
    return [float(keras.ops.convert_to_numpy(schedule(place))) for place in places]


@pytest.mark.parametrize(
    ("shape", "falling"),
    [
        ("cosine", [0.2, 0.1 * (1 + math.sqrt(0.5)), 0.1, 0, 0]),
        ("polynomial", [0.2, 0.2 * 0.75**0.9, 0.2 * 0.5**0.9, 0, 0]),
        ("constant", [0.2] * 5),
    ],
)
@pytest.mark.parametrize("warmup", [0.0, 0.1])
def test_shapes(shape, falling, warmup):
    """Over 100 steps after those of the warm-up, and beyond them."""
    steps = 100 if warmup == 0 else 111
    first = steps - 100
    settings = OptimiserSettings(learning_rate=0.2, schedule=shape, power=0.9, warmup=warmup)
    places = [first + step for step in (0, 25, 50, 100, 190)]
    assert _rates(settings, steps, places) == pytest.approx(falling, abs=1e-6)


def test_the_warm_up_rises_evenly_from_0():
    settings = OptimiserSettings(learning_rate=0.2, warmup=0.1)
    assert _rates(settings, 100, [0, 1, 5, 9, 10]) == pytest.approx([0, 0.02, 0.1, 0.18, 0.2])


def test_nothing_but_warm_up():
    settings = OptimiserSettings(learning_rate=0.2, warmup=1.0, schedule="constant")
    assert _rates(settings, 10, [0, 5, 10]) == pytest.approx([0, 0.1, 0.2])


def test_its_configuration():
    schedule = Schedule(0.1, 3, 20, "polynomial", 0.5)
    assert vars(Schedule.from_config(schedule.get_config())) == vars(schedule)
