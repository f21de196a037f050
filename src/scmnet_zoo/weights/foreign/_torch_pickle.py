"""The pickles in PyTorch's files, interpreted without `pickle`: nothing in them is ever called.

Of the pickle language only what a state dict is made of is understood: numbers, texts, tuples,
lists, dicts, and in place of each function or class a `Name`. Anything else is refused by name.
"""

import pickletools
from dataclasses import dataclass
from typing import Any, BinaryIO

from scmnet_zoo.weights.limits import first_line

ORDERED_DICT = "collections OrderedDict"
REBUILD = "torch._utils _rebuild_tensor_v2"
STORAGES = {  # by the class that a pickle names: the NumPy type; bfloat16 is read as its bits
    "torch FloatStorage": "<f4",
    "torch DoubleStorage": "<f8",
    "torch HalfStorage": "<f2",
    "torch BFloat16Storage": "<u2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ShortStorage": "<i2",
    "torch CharStorage": "i1",
    "torch ByteStorage": "u1",
    "torch BoolStorage": "?",
}
MAXIMUM = 1 << 48  # of elements, by far
NAMES = {ORDERED_DICT, REBUILD, *STORAGES}

PUSHED = {  # what an opcode pushes is its argument
    "BINUNICODE",
    "SHORT_BINUNICODE",
    "BININT",
    "BININT1",
    "BININT2",
    "LONG1",
    "BINFLOAT",
}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
IGNORED = {"PROTO", "FRAME", "STOP"}


@dataclass(frozen=True)
class Name:
    """Stands for a function or class that a pickle names, e.g. `torch FloatStorage`."""

    text: str


@dataclass(frozen=True)
class Storage:
    """A flat run of numbers that lies elsewhere in the file."""

    kind: str  # of STORAGES
    key: str
    elements: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; offset and strides count elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_pickle(stream: BinaryIO, source: str) -> Any:
    """The object of the pickle that starts where the stream stands; the stream ends up behind it.

    Raises:
        ValueError: a damaged pickle, or one of more than a state dict of tensors.
    """
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            refusal = machine.step(opcode.name, argument)
            if refusal is not None:
                break
        else:
            (result,) = machine.stack
            return result
    except Exception as error:  # a pickle that makes no sense: IndexError, KeyError, TypeError ...
        raise ValueError(
            f"{source} is not a whole PyTorch file: {type(error).__name__}: {first_line(error)}"
        ) from error
    raise ValueError(
        f"Expected a PyTorch state dict, of tensors alone. Received: {source}, which {refusal}"
    )


class _Machine:
    """A stack and a memo, as pickle's own.

    Marks are the places on the stack where a tuple or the items of a dict or list start.
    """

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def step(self, opcode: str, argument: Any) -> str | None:
        """Do one opcode; what is wrong with it, if anything."""
        push = self.stack.append
        if opcode in PUSHED:
            push(argument)
        elif opcode in CONSTANTS:
            push(CONSTANTS[opcode])
        elif opcode in ("EMPTY_DICT", "EMPTY_LIST"):
            push({} if opcode == "EMPTY_DICT" else [])
        elif opcode == "MARK":
            self.marks.append(len(self.stack))
        elif opcode == "TUPLE":
            push(tuple(self._from_mark()))
        elif opcode in TUPLES:
            push(tuple(self._pop(TUPLES[opcode])))
        elif opcode in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif opcode in ("BINGET", "LONG_BINGET"):
            push(self.memo[argument])
        elif opcode == "GLOBAL":
            if argument not in NAMES:
                return f"asks for {argument.replace(' ', '.')}"
            push(Name(argument))
        elif opcode == "BINPERSID":
            push(_storage(*self._pop(1)))
        elif opcode == "REDUCE":
            push(_call(*self._pop(2)))
        elif opcode in ("APPEND", "APPENDS"):
            items = self._pop(1) if opcode == "APPEND" else self._from_mark()
            _as(list, self.stack[-1]).extend(items)
        elif opcode in ("SETITEM", "SETITEMS"):
            return _add(self._pop(2) if opcode == "SETITEM" else self._from_mark(), self.stack[-1])
        elif opcode == "BUILD":  # the state of an OrderedDict: versions of layers
            self._pop(1)
            _as(dict, self.stack[-1])
        elif opcode not in IGNORED:
            return f"uses the opcode {opcode}"
        return None

    def _pop(self, count: int) -> list[Any]:
        place = len(self.stack) - count
        if place < (self.marks[-1] if self.marks else 0):
            raise ValueError("the stack ran empty")
        return self._from(place)

    def _from_mark(self) -> list[Any]:
        return self._from(self.marks.pop())

    def _from(self, place: int) -> list[Any]:
        items = self.stack[place:]
        del self.stack[place:]
        return items


def _as(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{type(value).__name__} in the place of {kind.__name__}")
    return value


def _add(items: list[Any], target: Any) -> str | None:
    """Put keys and values into a dict; what is wrong, if anything."""
    for key, value in zip(items[::2], items[1::2], strict=True):
        if _as(str, key) in _as(dict, target):
            return f"holds {key!r} twice"
        target[key] = value
    return None


def _storage(identity: Any) -> Storage:
    """The storage of a persistent id: ("storage", class, key, device, elements[, view])."""
    word, kind, key, _, elements, *view = _as(tuple, identity)
    if word != "storage" or view not in ([], [None]):
        raise ValueError("an id of no storage")
    if _as(Name, kind).text not in STORAGES or not 0 <= _as(int, elements) < MAXIMUM:
        raise ValueError(f"a storage of {kind.text}")
    return Storage(kind.text, _as(str, key), elements)


def _call(function: Any, arguments: Any) -> Any:
    """What the two functions of a state dict would make of their arguments."""
    name = _as(Name, function).text
    if name == ORDERED_DICT and arguments == ():
        return {}
    if name != REBUILD:
        raise ValueError(f"a call of {name}")
    storage, offset, shape, strides = _as(tuple, arguments)[:4]
    numbers = (offset, *_as(tuple, shape), *_as(tuple, strides))
    if any(not 0 <= _as(int, n) < MAXIMUM for n in numbers) or len(shape) != len(strides):
        raise ValueError("a tensor of an impossible shape")
    return Tensor(_as(Storage, storage), offset, shape, strides)
