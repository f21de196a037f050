"""What a measurement ran on."""

import platform
from datetime import UTC, datetime
from pathlib import Path

from scmnet_zoo._version import __version__


def machine(threads: int) -> dict[str, str]:
    """Machine and date."""
    return {
        "scmnet_zoo": __version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "platform": platform.platform(),
        "processor": _processor(),
        "threads": str(threads),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
