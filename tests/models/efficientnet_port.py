"""EfficientNet-Lite2 as its PyTorch port lays it out, with random weights; no PyTorch is needed."""

import struct
import zipfile

import numpy as np

# (kernel, channels) of each block.
BLOCKS = (
    [(3, 16)]
    + 3 * [(3, 24)]
    + 3 * [(5, 48)]
    + 4 * [(3, 88)]
    + 4 * [(5, 120)]
    + 5 * [(5, 208)]
    + [(3, 352)]
)


def port_tensors(seed=0):
    """The port's tensors by name, in its order of axes."""
    rng = np.random.default_rng(seed)
    tensors = {}

    def conv(name, *shape):
        fan_in = np.prod(shape[1:])
        tensors[f"{name}.weight"] = rng.normal(0, fan_in**-0.5, shape).astype("float32")

    def bn(name, channels):
        for leaf in ("weight", "bias", "running_mean", "running_var"):
            spread = leaf in ("weight", "running_var")
            array = rng.uniform(0.5, 1.5, channels) if spread else rng.normal(0, 0.1, channels)
            tensors[f"{name}.{leaf}"] = array.astype("float32")
        tensors[f"{name}.num_batches_tracked"] = np.zeros((), "int64")

    conv("_conv_stem", 32, 3, 3, 3)
    bn("_bn0", 32)
    channels = 32
    for number, (kernel, filters) in enumerate(BLOCKS):
        block, hidden = f"_blocks.{number}", channels * (6 if number else 1)
        if number:
            conv(f"{block}._expand_conv", hidden, channels, 1, 1)
            bn(f"{block}._bn0", hidden)
        conv(f"{block}._depthwise_conv", hidden, 1, kernel, kernel)
        bn(f"{block}._bn1", hidden)
        conv(f"{block}._project_conv", filters, hidden, 1, 1)
        bn(f"{block}._bn2", filters)
        channels = filters
    conv("_conv_head", 1280, channels, 1, 1)
    bn("_bn1", 1280)
    conv("_fc", 1000, 1280)
    tensors["_fc.bias"] = np.zeros(1000, "float32")
    return tensors


def write_port(path, tensors):
    """A file as `torch.save` writes a state dict."""
    with zipfile.ZipFile(path, "w") as archive:
        items = b"".join(_item(str(key), *item) for key, item in enumerate(tensors.items()))
        archive.writestr("archive/data.pkl", b"\x80\x02}(" + items + b"u.")
        archive.writestr("archive/version", "3")
        for key, array in enumerate(tensors.values()):
            archive.writestr(f"archive/data/{key}", np.ascontiguousarray(array).tobytes())
    return path


def _item(key, name, array):
    """The opcodes of a tensor behind those of its name."""
    kind = {"float32": "Float", "int64": "Long"}[str(array.dtype)]
    strides = [step // array.itemsize for step in array.strides]
    storage = b"".join(
        [_text("storage"), _name("torch", f"{kind}Storage"), _text(key), _text("cpu")]
    )
    arguments = [
        b"(" + storage + _number(array.size) + b"tQ",
        _number(0),
        _numbers(array.shape),
        _numbers(strides),
        b"\x89",
        _name("collections", "OrderedDict") + b")R",
    ]
    rebuild = _name("torch._utils", "_rebuild_tensor_v2")
    return _text(name) + rebuild + b"(" + b"".join(arguments) + b"tR"


def _text(text):
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def _name(module, name):
    return f"c{module}\n{name}\n".encode()


def _number(number):
    return b"J" + struct.pack("<i", number)


def _numbers(numbers):
    return b"(" + b"".join(map(_number, numbers)) + b"t"
