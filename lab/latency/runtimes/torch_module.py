"""Modules of PyTorch, eager or compiled, on the GPU if there is one."""

from typing import Any

import numpy as np
import torch

from lab.latency.program import Program


def torch_program(module: Any, compiled: bool) -> Program:
    """A module that takes `(1, height, width, 3)`, ready to run.

    Args:
        module: in inference mode.
        compiled: by `torch.compile`; on a GPU with CUDA graphs.
    """
    gpu = torch.cuda.is_available()
    device = torch.device("cuda" if gpu else "cpu")
    torch.backends.cudnn.benchmark = True
    if gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    held = torch.cuda.memory_allocated() if gpu else 0
    module = module.to(device)
    function = module
    if compiled:
        function = torch.compile(module, mode="reduce-overhead" if gpu else "default")

    @torch.inference_mode()
    def call(image: torch.Tensor) -> torch.Tensor:
        if compiled and gpu:
            torch.compiler.cudagraph_mark_step_begin()
        return function(image)

    def wait(result: torch.Tensor) -> None:
        if gpu:
            torch.cuda.synchronize()

    def memory() -> int | None:
        return torch.cuda.max_memory_allocated() - held if gpu else None

    def place(image: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(image)).to(device)

    return Program(call, place, wait, lambda result: result.cpu().numpy(), memory)
