"""How commands end that fail: one line on stderr and a status, no traceback."""

import io
import sys
from typing import Any, NoReturn, TextIO

import typer
from typer.core import TyperGroup

from scmnet_zoo.cli._backend import missing_backend
from scmnet_zoo.cli._start import INTERRUPTED, ending_as_usual

FAILED = 1
# In the errors of JAX and TensorFlow, PyTorch on a GPU, and PyTorch on a CPU, in small letters.
OUT_OF_MEMORY = (
    "resource_exhausted",
    "resourceexhausted",
    "out of memory",
    "can't allocate memory",
)


class Commands(TyperGroup):
    """The group of all commands; it reports the errors that users can mend in one line."""

    def invoke(self, ctx) -> Any:
        try:
            ending_as_usual()
            return super().invoke(ctx)
        except BrokenPipeError:  # the reader, e.g. `head`, has enough; Typer ends quietly
            raise
        except KeyboardInterrupt:
            fail("interrupted", INTERRUPTED)
        except MemoryError:
            fail("not enough memory")
        except ModuleNotFoundError as error:
            fail(f"{error}{missing_backend(error)}")
        except (ValueError, OSError) as error:
            fail(str(error))
        except Exception as error:
            if not _is_out_of_memory(error):
                raise
            fail("not enough memory")


def _is_out_of_memory(error: Exception) -> bool:
    """Whether a backend says so: each has an error of its own for it, and none is MemoryError."""
    text = f"{type(error).__name__} {error}".lower()
    return any(words in text for words in OUT_OF_MEMORY)


def fail(message: str, status: int = FAILED) -> NoReturn:
    """Print one line on stderr and end with a status."""
    sys.stdout.flush()
    say(f"scmnet-zoo: error: {one_line(message)}", err=True)
    raise typer.Exit(status)


def say(text: str, err: bool = False) -> None:
    """Print a line on stdout or stderr; letters that the stream lacks are escaped.

    `typer.echo` by itself would write UTF-8 to a terminal that knows ASCII alone.
    """
    typer.echo(text, file=sys.stderr if err else sys.stdout)


def escape_what_cannot_be_shown(stream: TextIO) -> None:
    """Let a stream write letters that its encoding lacks as `\\u9053`, where it would raise."""
    if not isinstance(stream, io.TextIOWrapper):  # None, or what a program put in its place
        return
    unicode = stream.encoding.lower().replace("-", "").startswith("utf")
    if stream.errors == "strict" or not unicode:  # else bytes of file names go through
        stream.reconfigure(errors="backslashreplace")


def one_line(text: str) -> str:
    """Text without line breaks, and without the bytes of file names that are no text."""
    return " ".join(text.split()).encode("utf-8", "replace").decode()
