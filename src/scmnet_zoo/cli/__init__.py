"""The command line, `scmnet-zoo`: one file per command, each a thin layer over the library.

The imports of the commands take half a second. They run after the handlers of SIGINT are set.
"""

import os
import sys

try:
    from scmnet_zoo.cli._start import ending_at_once
except KeyboardInterrupt:  # before the handler of SIGINT is set
    sys.stderr.write("scmnet-zoo: error: interrupted\n")
    raise SystemExit(130) from None

TYPE_CHECKING = False  # as `typing.TYPE_CHECKING`, without importing typing
if TYPE_CHECKING:
    from scmnet_zoo.cli._app import app

__all__ = ["app", "main"]


def __getattr__(name: str) -> object:
    if name != "app":
        raise AttributeError(f"module 'scmnet_zoo.cli' has no attribute {name!r}")
    from scmnet_zoo.cli._app import app

    return app


def main() -> None:
    """Run the command line, with TensorFlow's log messages off. The library leaves them on."""
    ending_at_once()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("ABSL_MIN_LOG_LEVEL", "3")
    from scmnet_zoo.cli._app import app
    from scmnet_zoo.cli._errors import escape_what_cannot_be_shown

    escape_what_cannot_be_shown(sys.stdout)
    escape_what_cannot_be_shown(sys.stderr)
    app()
