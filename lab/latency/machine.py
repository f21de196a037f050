"""What a measurement ran on."""

import platform
from datetime import UTC, datetime

from scmnet_zoo._version import __version__
from scmnet_zoo.environment import processor


def machine(threads: int) -> dict[str, str]:
    """Machine and date."""
    return {
        "scmnet_zoo": __version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "platform": platform.platform(),
        "processor": processor(),
        "threads": str(threads),
    }
