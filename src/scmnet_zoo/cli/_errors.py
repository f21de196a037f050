"""How commands end that fail: one line on stderr and a status, no traceback."""

import os
import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

FAILED = 1
INTERRUPTED = 130  # as shells have it for SIGINT


class Commands(TyperGroup):
    """The group of all commands; it reports the errors that users can mend in one line."""

    def invoke(self, ctx) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # the reader, e.g. `head`, has enough; Typer ends quietly
            raise
        except KeyboardInterrupt:
            fail("interrupted", INTERRUPTED)
        except MemoryError:
            fail("not enough memory")
        except ModuleNotFoundError as error:
            fail(f"{error}; the backend is {os.environ.get('KERAS_BACKEND', 'tensorflow')!r}")
        except (ValueError, OSError) as error:
            fail(str(error))


def fail(message: str, status: int = FAILED) -> NoReturn:
    """Print one line on stderr and end with a status."""
    sys.stdout.flush()
    typer.echo(f"scmnet-zoo: error: {one_line(message)}", err=True)
    raise typer.Exit(status)


def one_line(text: str) -> str:
    """Text without line breaks, and without the bytes of file names that are no text."""
    return " ".join(text.split()).encode("utf-8", "replace").decode()
