"""Floors, counted by hand on toy models and by others on networks."""

import keras
import pytest

from lab.latency.floor import floor
from scmnet_zoo.deploy import fuse
from scmnet_zoo.layers import FastConv2D, FastDepthwiseConv2D, ImageInput, ResizeToPartner
from scmnet_zoo.models import FastSCNN, SCMNet

L = keras.layers


def image(height=32, width=64):
    inputs = keras.Input((height, width, 3), name="image")
    return inputs, ImageInput([127.5] * 3, [127.5] * 3, name="preprocessing")(inputs)


def groups(model, precision="f32"):
    counted = floor(model, precision)
    return {group.names[0]: group for group in counted.groups}, counted


def test_a_convolution_and_what_follows_it_pixel_by_pixel():
    inputs, x = image()
    x = FastConv2D(8, 3, strides=2, padding="same", name="conv")(x)
    x = L.Activation("relu", name="relu")(x)
    found, counted = groups(keras.Model(inputs, x))
    assert list(found) == ["conv"]
    assert found["conv"].names == ["conv", "relu"]
    assert counted.macs == 16 * 32 * 8 * 3 * 3 * 3
    assert counted.parameters == 3 * 3 * 3 * 8 + 8
    # The image as bytes, four bytes a weight, the output in float32.
    assert counted.bytes == 32 * 64 * 3 + 4 * (224 + 16 * 32 * 8)
    assert counted.least_bytes == counted.bytes


def test_the_precision_of_maps_and_weights():
    inputs, x = image()
    x = FastConv2D(8, 1, use_bias=False, name="first")(x)
    x = FastConv2D(4, 1, use_bias=False, name="second")(x)
    model = keras.Model(inputs, x)
    ends, maps, weights = 2048 * 3 + 4 * 2048 * 4, 2 * 2048 * 8, 3 * 8 + 8 * 4
    for precision, width in (("f32", 4), ("bf16", 2), ("f16", 2), ("int8", 1)):
        counted = floor(model, precision)
        assert counted.bytes == ends + width * (maps + weights)
        assert counted.least_bytes == ends + width * weights


def test_depthwise():
    inputs = keras.Input((32, 32, 6))
    model = keras.Model(inputs, FastDepthwiseConv2D(3, strides=2, padding="same")(inputs))
    assert floor(model).macs == 16 * 16 * 6 * 9


def test_an_addition_is_made_where_its_last_operand_is():
    """The other operand, which is read twice, is read from memory."""
    inputs, x = image()
    a = FastConv2D(8, 1, use_bias=False, name="a")(x)
    b = FastConv2D(8, 1, use_bias=False, name="b")(a)
    x = L.Add(name="add")([a, b])
    found, _ = groups(keras.Model(inputs, FastConv2D(2, 1, use_bias=False, name="c")(x)))
    assert found["b"].names == ["b", "add"]
    assert found["a"].written == found["b"].written == 2048 * 8
    assert found["b"].read == 2048 * 8  # once: its input is the other operand
    assert found["c"].read == 2048 * 8


def test_an_enlarged_map_is_never_written():
    inputs, x = image()
    small = FastConv2D(8, 3, strides=4, padding="same", use_bias=False, name="small")(x)
    large = FastConv2D(8, 3, strides=2, padding="same", use_bias=False, name="large")(x)
    up = ResizeToPartner("nearest", name="up")([small, large])
    x = L.Add(name="add")([up, large])
    x = L.Concatenate(name="join")([x, up])
    found, _ = groups(keras.Model(inputs, FastConv2D(2, 1, name="last")(x)))
    assert set(found) == {"small", "large", "last"}
    assert found["small"].written == 8 * 16 * 8
    assert found["large"].names == ["large", "add"]  # its size alone is read by the resizing
    assert found["large"].read == 32 * 64 * 3 + 8 * 16 * 8
    assert found["last"].read == 16 * 32 * 8 + 8 * 16 * 8


def test_what_leads_to_the_output_is_made_at_once():
    inputs, x = image()
    x = FastConv2D(5, 8, strides=8, use_bias=False, name="classifier")(x)
    x = ResizeToPartner("bilinear", name="up")([x, inputs])
    x = L.Activation("softmax", name="softmax")(x)
    found, counted = groups(keras.Model(inputs, x))
    assert found["classifier"].names == ["classifier", "up", "softmax"]
    assert found["classifier"].written == 32 * 64 * 5
    assert counted.bytes == 32 * 64 * 3 + 4 * (8 * 8 * 3 * 5 + 32 * 64 * 5)


def test_the_time_is_that_of_the_slower_of_both():
    inputs, x = image()
    counted = floor(keras.Model(inputs, FastConv2D(8, 1)(x)))
    assert counted.seconds(1e9, 1e30) == pytest.approx(counted.macs / 1e9)
    assert counted.seconds(1e30, 1e9) == pytest.approx(counted.bytes / 1e9)


def test_wrong_arguments():
    inputs, x = image()
    model = keras.Model(inputs, FastConv2D(8, 1)(x))
    with pytest.raises(ValueError, match=r"to be one of 'f32', .* Received: .*'f64'"):
        floor(model, "f64")
    inputs, x = image(None, None)
    with pytest.raises(ValueError, match=r"fixed input size.*None"):
        floor(keras.Model(inputs, x))
    inputs, x = image()
    with pytest.raises(ValueError, match=r"made by .*fuse.* Received: layer 'out' of type Dense"):
        floor(keras.Model(inputs, L.Dense(2, name="out")(x)))


@pytest.fixture(scope="module")
def scmnet():
    return SCMNet(input_shape=(1024, 2048, 3), classifier_activation=None)


def test_scmnet(scmnet):
    """18.3 GMACs are the paper's, with the classifier after the upsampling; here it is before."""
    counted = floor(fuse(scmnet, output="mask"), "bf16")
    classifier = 48 * 19 * (1024 * 2048 - 512 * 1024)
    assert counted.macs + classifier == pytest.approx(18.3e9, rel=2e-3)
    assert counted.parameters < scmnet.count_params() == 1_255_687
    ends = 1024 * 2048 * (3 + 1)
    assert counted.least_bytes == ends + 2 * counted.parameters
    assert counted.bytes > 10 * counted.least_bytes


def test_fast_scnn_as_pytorch_counts_it():
    """pytorchcv's network, by the operations that PyTorch dispatches."""
    torch = pytest.importorskip("torch")
    pytorchcv = pytest.importorskip("pytorchcv.model_provider")
    from torch.utils.flop_counter import FlopCounterMode

    theirs = pytorchcv.get_model("fastscnn_cityscapes", aux=False, in_size=(192, 384)).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        theirs(torch.zeros(1, 3, 192, 384))
    ours = floor(fuse(FastSCNN(input_shape=(192, 384, 3)), output="logits"))
    assert counter.get_total_flops() / 2 == pytest.approx(ours.macs, rel=1e-3)
