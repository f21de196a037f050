"""The stage table of a network's module docstring, held against a built model."""

import re

ROW = re.compile(r"\| (\w+) +\|.*\| (\d+)x(\d+)x(\w+) +\|")


def rows(module):
    """Name, height, width and channels (as text) of each row of the module's tables."""
    lines = [line for line in module.__doc__.splitlines() if line.startswith("|")]
    lines = [line for line in lines if not line.startswith(("|--", "| name "))]
    matches = [(line, ROW.fullmatch(line)) for line in lines]
    assert lines
    for line, match in matches:
        assert match, f"cannot read the row {line}"
    return [match.groups() for _, match in matches]


def check(module, model, classes):
    """Assert that each row names a layer, or the layers of a prefix, with the output it states.

    The model is built with auxiliary heads where the network has them, at 1024x2048.
    """
    layers = [layer.name for layer in model.layers]
    for name, height, width, channels in rows(module):
        group = [layer for layer in layers if layer == name or layer.startswith(f"{name}_")]
        assert group, f"no layer for the row {name}"
        last = name if name in group else group[-1]
        shape = (None, int(height), int(width), classes if channels == "K" else int(channels))
        assert model.get_layer(last).output.shape == shape, name
