"""Sizes on the command line."""

import typer


def parse_size(text: str, option: str = "--size", least: int = 1) -> tuple[int, int]:
    """(height, width) from `HEIGHTxWIDTH`; a usage error names the option.

    Args:
        text: what was given.
        option: as which.
        least: of each side.
    """
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise typer.BadParameter(
            f"expected HEIGHTxWIDTH, e.g. 720x960. Received: {text}", param_hint=option
        )
    sides = int(height), int(width)
    if min(sides) < least:
        raise typer.BadParameter(
            f"expected sides of at least {least}. Received: {text}", param_hint=option
        )
    return sides
