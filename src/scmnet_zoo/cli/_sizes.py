"""Parser of image sizes on the command line."""

import typer


def parse_size(text: str, option: str = "--size") -> tuple[int, int]:
    """Return (height, width) of `HEIGHTxWIDTH`, or raise a usage error that names the option."""
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise typer.BadParameter(
            f"expected HEIGHTxWIDTH, e.g. 720x960. Received: {text}", param_hint=option
        )
    return int(height), int(width)
