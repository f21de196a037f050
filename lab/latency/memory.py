"""The most memory that this process held since it was last asked, on Linux."""

import gc
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")
RESET = Path("/proc/self/clear_refs")


def resident() -> int | None:
    """Bytes of memory held now; None where the system does not say."""
    return _field("VmRSS:")


def reset_peak() -> None:
    """Forget the most that was held."""
    try:
        RESET.write_text("5")
    except OSError:  # another system
        return


def peak() -> int | None:
    """The most bytes held since `reset_peak`; None where the system does not say."""
    return _field("VmHWM:")


def give_back() -> None:
    """Let other processes have what this one's runtime keeps of networks that are forgotten."""
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
    if "torch._dynamo" in sys.modules:
        sys.modules["torch._dynamo"].reset()
    gc.collect()
    if "torch" in sys.modules and sys.modules["torch"].cuda.is_available():
        sys.modules["torch"].cuda.empty_cache()


def _field(name: str) -> int | None:
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), None)
