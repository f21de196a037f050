"""Errors of commands: one line on stderr and an exit status, without a traceback."""

import io
import sys
from typing import Any, NoReturn, TextIO

import typer
from typer.core import TyperGroup

from scmnet_zoo.cli._backend import missing_backend
from scmnet_zoo.cli._start import INTERRUPTED, ending_as_usual

FAILED = 1
# Parts of the messages of JAX and TensorFlow, PyTorch on a GPU and PyTorch on a CPU, in lower case.
OUT_OF_MEMORY = (
    "resource_exhausted",
    "resourceexhausted",
    "out of memory",
    "can't allocate memory",
)


class Commands(TyperGroup):
    """Group of all commands. It reports errors that users can fix in one line."""

    def invoke(self, ctx) -> Any:
        try:
            ending_as_usual()
            return super().invoke(ctx)
        except BrokenPipeError:  # the reader, e.g. `head`, has closed the pipe; Typer exits
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
    """Whether a backend reports that memory ran out. No backend raises MemoryError for it."""
    text = f"{type(error).__name__} {error}".lower()
    return any(words in text for words in OUT_OF_MEMORY)


def fail(message: str, status: int = FAILED) -> NoReturn:
    """Print an error in one line on stderr, and exit with `status`."""
    sys.stdout.flush()
    say(f"scmnet-zoo: error: {one_line(message)}", err=True)
    raise typer.Exit(status)


def say(text: str, err: bool = False) -> None:
    """Print a line on stdout or stderr, with characters that its encoding lacks escaped.

    Without `file`, `typer.echo` writes UTF-8 even to an ASCII terminal.
    """
    typer.echo(text, file=sys.stderr if err else sys.stdout)


def escape_what_cannot_be_shown(stream: TextIO) -> None:
    """Make a stream escape characters that its encoding lacks, as `\\u9053`, instead of raising."""
    if not isinstance(stream, io.TextIOWrapper):  # None, or replaced by the calling program
        return
    unicode = stream.encoding.lower().replace("-", "").startswith("utf")
    if stream.errors == "strict" or not unicode:  # else bytes of file names are written as they are
        stream.reconfigure(errors="backslashreplace")


def one_line(text: str) -> str:
    """Join the lines of a text, and replace undecodable bytes of file names by `?`."""
    return " ".join(text.split()).encode("utf-8", "replace").decode()
