"""Cards by key, and the objects that a card names by their import path."""

import contextlib
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar


class Keyed(Protocol):
    """What has a key."""

    @property
    def key(self) -> str: ...


Card = TypeVar("Card", bound=Keyed)
Value = TypeVar("Value")


class Table(Mapping[str, Value]):
    """A mapping whose missing keys are a ValueError that lists the keys there are.

    Args:
        keys: gives the keys, each time they are asked for.
        value: gives the value of a key.
        unknown: how the error begins, e.g. `"Expected network to be one of"`.
    """

    def __init__(
        self, keys: Callable[[], Iterable[str]], value: Callable[[str], Value], unknown: str
    ):
        self._keys, self._value, self._unknown = keys, value, unknown

    def __getitem__(self, key: str) -> Value:
        if key not in self:
            raise ValueError(f"{self._unknown} {', '.join(self)}. Received: {key!r}")
        return self._value(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(tuple(self._keys()))

    def __contains__(self, key: object) -> bool:
        return key in tuple(self._keys())

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or the default where there is none."""
        return self._value(key) if key in self else default

    def __repr__(self) -> str:
        return f"{{{', '.join(map(repr, self))}}}"


class Cards(Table[Card], Generic[Card]):
    """Cards by key, in the order in which they are listed.

    Args:
        cards: those that the package has.
        unknown: how the error of a missing card begins.
    """

    def __init__(self, cards: Iterable[Card], unknown: str):
        self._cards = {card.key: card for card in cards}
        super().__init__(lambda: self._cards, lambda key: self._cards[key], unknown)

    def add(self, card: Card) -> None:
        """Add a card for as long as the process runs.

        Raises:
            ValueError: there is a card with this key.
        """
        if card.key in self:
            raise ValueError(f"Expected a key other than {', '.join(self)}. Received: {card.key!r}")
        self._cards[card.key] = card

    @contextlib.contextmanager
    def temporarily(self, card: Card) -> Iterator[Card]:
        """Add a card inside a `with` block; it hides a card with the same key."""
        before = dict(self._cards)
        self._cards[card.key] = card
        try:
            yield card
        finally:
            self._cards.clear()
            self._cards.update(before)

    def table(
        self, value: Callable[[Card], Value], where: Callable[[Card], bool] = lambda card: True
    ) -> Table[Value]:
        """The mapping from the key of each card, or of some, to a value made of the card."""
        return Table(
            lambda: [key for key, card in self._cards.items() if where(card)],
            lambda key: value(self._cards[key]),
            self._unknown,
        )


def resolved(path: Any) -> Any:
    """The object that an import path `"module:name"` names, or the module of `"module"`.

    Anything but a string is returned as it is.
    """
    if not isinstance(path, str):
        return path
    module, _, name = path.partition(":")
    found = importlib.import_module(module)
    return getattr(found, name) if name else found
