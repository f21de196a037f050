"""`scmnet-zoo weights download`, `verify`, `remove` and `path`."""

from typing import Annotated

import typer

from scmnet_zoo.cli._backend import start_keras
from scmnet_zoo.cli._errors import fail, say
from scmnet_zoo.weights import inventory, manifest
from scmnet_zoo.weights.fetch import cache
from scmnet_zoo.weights.fetch.download import fetch
from scmnet_zoo.weights.inventory import State, state_of

Keys = Annotated[
    list[str], typer.Argument(metavar="NETWORK/NAME...", help="Weights, as in `weights list`.")
]
KeysOrAll = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NETWORK/NAME...]", help="Weights. Default: all on this machine."),
]


def download(keys: Keys) -> None:
    """Download weights to the cache. Files that are in the cache are verified."""
    for entry in [manifest.find_key(key) for key in keys]:
        if state_of(entry) is not State.OWN:
            fetch(manifest.published_file(entry))
        say(f"{entry.key}: {inventory.stored_path(entry)}")


def verify(keys: KeysOrAll = None) -> None:
    """Verify the files of weights on this machine against the manifest."""
    found = [manifest.find_key(key) for key in keys or []]
    if not keys:
        found = [entry for entry in manifest.entries() if inventory.stored_path(entry)]
    if any(state_of(entry) is State.OWN for entry in found):
        start_keras()  # needed to read these files
    damaged = []
    for entry in found:
        problem = inventory.verify(entry)
        whole = "whole"
        if state_of(entry) is State.OWN:
            same = inventory.stated_path(entry) is not None
            whole = f"your own file, {'the one of the manifest' if same else 'readable'}"
        say(f"{entry.key}: {problem or whole}")
        damaged += [entry.key] if problem else []
    if damaged:
        fail(f"damaged: {', '.join(damaged)}")


def remove(keys: Keys) -> None:
    """Delete downloaded weights from the cache."""
    for entry in [manifest.find_key(key) for key in keys]:
        path = None if entry.file is None else cache.remove(entry.file)
        say(f"{entry.key}: {f'{path} is deleted' if path else 'not in the cache'}")


def path(key: Annotated[str, typer.Argument(metavar="NETWORK/NAME")]) -> None:
    """Print the path of a file of weights on this machine."""
    entry = manifest.find_key(key)
    found = inventory.stored_path(entry)
    if found is None:
        hint = (
            "" if state_of(entry) is State.UNPUBLISHED else f"; `scmnet-zoo weights download {key}`"
        )
        fail(f"{key} is not on this machine: {state_of(entry).value}{hint}")
    say(str(found))
