"""Memory that runtimes keep of networks that are forgotten."""

import gc
import sys


def give_back() -> None:
    """Let other processes have what this process's runtime keeps of networks that are forgotten."""
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
    if "torch._dynamo" in sys.modules:
        sys.modules["torch._dynamo"].reset()
    gc.collect()
    if "torch" in sys.modules and sys.modules["torch"].cuda.is_available():
        sys.modules["torch"].cuda.empty_cache()
