import importlib.util

import keras
import numpy as np
import pytest
import stage_table
import timm_layout
from testing_tools import relative_error, run, trainable_parameters

from scmnet_zoo import EfficientViT
from scmnet_zoo.importers import import_checkpoint
from scmnet_zoo.models import efficientvit

PARAMETERS = {"b0": 706_691, "b1": 4_803_443, "b2": 15_323_779, "b3": 39_603_155}
RAW = {"include_preprocessing": False, "classifier_activation": None}
each_variant = pytest.mark.parametrize(
    "variant", ["b0", *(pytest.param(v, marks=pytest.mark.long) for v in ("b1", "b2", "b3"))]
)


@each_variant
def test_parameters(variant):
    assert trainable_parameters(EfficientViT(variant=variant)) == PARAMETERS[variant]


def test_stage_table():
    model = EfficientViT(num_classes=7, input_shape=(1024, 2048, 3))
    stage_table.check(efficientvit, model, 7)


@pytest.mark.parametrize("variant", ["b4", 0, ["b0"]])
def test_unknown_variants_are_refused(variant):
    with pytest.raises(ValueError, match=r"^Expected variant to be one of .* Received: variant="):
        EfficientViT(variant=variant)


@each_variant
def test_backbone_equals_timm(variant):
    """An odd number of pixels in the deepest maps too: 97 / 32 rounded up is 4, 161 / 32 is 6."""
    if importlib.util.find_spec("timm") is None:
        pytest.skip("timm is the reference of this test")
    model = EfficientViT(variant=variant, **RAW)
    reference = timm_layout.reference(variant)
    timm_layout.transfer(variant, model, reference)
    depths = efficientvit.VARIANTS[variant].depths
    last = [f"stage{i}_{depths[i] - (i < 3)}" for i in range(1, 5)]
    stages = keras.Model(model.input, [model.get_layer(name).output for name in last])
    x = np.random.default_rng(0).normal(size=(1, 97, 161, 3)).astype("float32")
    expected = timm_layout.outputs(reference, x)
    for name, found, other in zip(last, run(stages, x), expected, strict=True):
        assert other.std() > 0.01, name
        assert relative_error(found, other) < 1e-4, name


@pytest.mark.needs_shared
def test_equals_the_reference_output(shared, golden):
    """The authors' Cityscapes weights; the reference is PyTorch's, bicubic upsampling included."""
    checkpoint = import_checkpoint(shared / "teachers" / "efficientvit_b0_cityscapes.pt")
    assert checkpoint.metadata.arguments == {"variant": "b0"}
    model = EfficientViT(**RAW)
    for variable in model.weights:
        variable.assign(checkpoint.tensors[variable.path])
    small = model.get_layer("head_classifier").output
    both = keras.Model(model.input, [small, model.output])
    expected = np.load(shared / "teachers" / "efficientvit_b0_256x384_seed0.npz")
    logits8, logits = run(both, golden.image(0, 256, 384))
    assert relative_error(logits8, expected["logits8"]) < 1e-4
    assert relative_error(logits[:, ::4, ::4], expected["logits_every4"]) < 1e-4
