"""The cards of the export formats. A format is its writer, a card here, and its test."""

from dataclasses import dataclass
from typing import Any

from scmnet_zoo.catalogue._cards import Cards, resolved


@dataclass(frozen=True)
class FormatCard:
    """A format of exported files.

    Attributes:
        key: what the command line calls it.
        writer: import path of the module with `write(job, folder)` and `load(path, threads)`, or
            an object that has them.
        suffix: how its files end; empty for a folder.
        modules: what must be installed to write and to load it.
        precisions: those it has.
        layout: of scores, `"NCHW"` or `"NHWC"`.
        extra: the package's extra that installs the modules; empty where none does.
        install: how else they are installed; empty for pip and the module's name.
        any_size: the precisions in which height and width may vary.
        batches: whether it takes several images at once, where their size varies.
        backend: the Keras backend it is made with, None for any.
        engine: what `scmnet-zoo speed --engine` calls its runtime; None where it has none.
        quantiser: what more must be installed for int8; empty where nothing.
        instead: what to try where a file in int8 is too far from the network.
    """

    key: str
    writer: str | Any
    suffix: str
    modules: tuple[str, ...]
    precisions: tuple[str, ...]
    layout: str
    extra: str = ""
    install: str = ""
    any_size: tuple[str, ...] = ()
    batches: bool = True
    backend: str | None = None
    engine: str | None = None
    quantiser: str = ""
    instead: str = "--precision f16"

    def load(self) -> Any:
        """Import the writer, and with it the format's packages."""
        return resolved(self.writer)


FORMAT_CARDS = Cards(
    (
        FormatCard(
            key="onnx",
            writer="scmnet_zoo.deploy.targets.onnx_file",
            suffix=".onnx",
            modules=("onnx", "onnxruntime"),
            precisions=("f32", "f16", "int8"),
            layout="NCHW",
            extra="export",
            any_size=("f32", "f16", "int8"),
            engine="onnxruntime",
            instead="--precision f16, --format openvino",
        ),
        FormatCard(
            key="openvino",
            writer="scmnet_zoo.deploy.targets.openvino_file",
            suffix=".xml",
            modules=("onnx", "openvino"),
            precisions=("f32", "f16", "bf16", "int8"),
            layout="NCHW",
            extra="openvino",
            any_size=("f32", "f16", "bf16", "int8"),
            engine="openvino",
            quantiser="nncf",
        ),
        FormatCard(
            key="litert",
            writer="scmnet_zoo.deploy.targets.litert_file",
            suffix=".tflite",
            modules=("ai_edge_litert",),
            precisions=("f32", "f16", "int8"),
            layout="NHWC",
            extra="litert",
            any_size=("f32", "f16"),
            batches=False,
            backend="tensorflow",
            engine="litert",
            instead="--precision f16, --format openvino or onnx, which keep the scores in float "
            "where LiteRT quantises them too",
        ),
        FormatCard(
            key="tensorrt",
            writer="scmnet_zoo.deploy.targets.tensorrt_engine",
            suffix=".engine",
            modules=("onnx", "tensorrt"),
            precisions=("f32", "f16"),
            layout="NCHW",
            install="export with --format onnx, then run: trtexec --onnx=FILE.onnx "
            "--saveEngine=FILE.engine where TensorRT is installed",
        ),
        FormatCard(
            key="saved_model",
            writer="scmnet_zoo.deploy.targets.saved_model",
            suffix="",
            modules=("tensorflow",),
            precisions=("f32",),
            layout="NHWC",
            any_size=("f32",),
            backend="tensorflow",
        ),
        FormatCard(
            key="jax",
            writer="scmnet_zoo.deploy.targets.jax_file",
            suffix=".zip",
            modules=("jax",),
            precisions=("f32", "bf16"),
            layout="NHWC",
            extra="jax",
            backend="jax",
        ),
    ),
    unknown="Expected format to be one of",
)
