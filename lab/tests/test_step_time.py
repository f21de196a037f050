import numpy as np

from lab.latency import training
from lab.latency.preset import Cell
from lab.latency.train_step import Training
from lab.latency.training import ROUNDS, RUNNING, StepTime, step_time
from scmnet_zoo.data import CAMVID


def test_the_rounds_of_a_run(monkeypatch):
    """What is run is the recipe at the size asked for; what is told are seconds a step."""
    seen = {}

    def fit(network, source, recipe, progress):
        for step in range(1, 21):
            progress(step, 20)
        seen.update(network=network, source=source, recipe=recipe)
        return [{"seconds": seconds} for seconds in (40.0, 1.0, 3.0, 2.0)]

    monkeypatch.setattr(training, "fit", fit)
    monkeypatch.setattr(training, "training_network", lambda *arguments: arguments)
    called = []
    time = step_time(
        "scmnet", (64, 96), 3, precision="float32", steps=5, compiled=lambda: called.append(1)
    )
    assert called == [1]
    assert time.rounds == (0.2, 0.6, 0.4)
    assert (time.seconds, time.first) == (0.4, 40.0)
    key, recipe, classes = seen["network"]
    assert (key, classes) == ("scmnet", CAMVID.classes)
    assert recipe is seen["recipe"]
    assert (recipe.size, recipe.augmentation.crop, recipe.batch_size) == ((64, 96), (64, 96), 3)
    assert (recipe.epochs, recipe.precision) == (ROUNDS + 1, "float32")
    assert len(seen["source"].dataset.samples) == 15  # five steps of three
    assert seen["source"].layer.images.shape == (3, 64, 96, 3)  # no more than a step takes
    assert seen["source"].get(np.array([0, 4, 14])).tolist() == [0, 1, 2]


def test_a_cell_of_few_steps_has_enough_to_be_compiled_first(monkeypatch):
    """What `step_time` takes for the first step that has been run must be one."""
    seen = []

    def timed(network, size, batch, precision, steps, compiled):
        seen.append(steps)
        return StepTime(0.1, (0.1,), 0.1, "here")

    monkeypatch.setattr(training, "step_time", timed)
    for steps in (1, 60):
        found = Training(Cell("scmnet", "jax", "model", "f32", (64, 96), "train", 2), steps)
        assert found.rounds()[0] == [0.1]
    assert seen == [RUNNING, 60]
