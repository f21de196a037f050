"""The training step that is split by kernels is the one that training takes; on JAX alone."""

import keras
import numpy as np
import pytest
import scenes
from testing_tools import toy

from lab.latency.kernels import AUGMENT, PARTS, origins, part_of
from scmnet_zoo.data import camvid
from scmnet_zoo.data.augment import Augment, Augmentation
from scmnet_zoo.data.loader import source_of
from scmnet_zoo.losses import CrossEntropy
from scmnet_zoo.training.model import TrainingModel

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="for JAX alone")
STEPS = 3


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = scenes.draw(tmp_path_factory.mktemp("profile") / "camvid")
    return source_of(camvid(folder, "train"), (36, 48))


def _model(source):
    keras.utils.set_random_seed(0)
    augment = Augment(Augmentation(crop=(32, 32), brightness=0.2, flip=0.5), name=AUGMENT)
    model = TrainingModel(source.layer, toy(), augment, CrossEntropy(), momentum=0.9)
    optimiser = keras.optimizers.AdamW(0.01)
    model.compile(optimizer=optimiser)
    model(keras.KerasTensor((2,), dtype="int32"))
    optimiser.build(model.trainable_variables)
    return model, optimiser, source.get(np.arange(2, dtype=np.int32))


def test_the_step_of_training(source):
    from lab.latency.profile_train import Step

    model, optimiser, frames = _model(source)
    step = Step(model, optimiser, frames)
    step.run(STEPS)
    trained, _, _ = _model(source)
    for _ in range(STEPS):
        trained.train_on_batch(frames)
    weights, fixed, _ = step.state
    pairs = [*zip(weights, trained.trainable_variables, strict=True)]
    paths = [variable.path for variable in model.non_trainable_variables]
    averages = trained.averages.values
    pairs += [(fixed[paths.index(averages.path)], averages)]
    for found, variable in pairs:
        expected = keras.ops.convert_to_numpy(variable.value)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5, err_msg=variable.path)


@pytest.fixture
def no_other_names():
    """From JAX's cache a program would come with the names of when it was compiled."""
    import jax

    setting = "jax_compilation_cache_include_metadata_in_key"
    before = getattr(jax.config, setting)
    jax.config.update(setting, True)
    yield
    jax.config.update(setting, before)


@pytest.mark.usefixtures("no_other_names")
def test_all_parts_are_in_the_program(source):
    from lab.latency.profile_train import Step

    model, optimiser, frames = _model(source)
    named = origins(Step(model, optimiser, frames).program.as_text())
    found = {part_of(one, model.network.name, optimiser.name) for one in named.values()}
    assert found >= set(PARTS)
