"""Tables of classes, `classes.toml`: whole ones whose meaning is known, and random ones."""

import json
import random
from dataclasses import dataclass

NAMES = (
    *("road", "sky", "car", "background", "tree", "traffic light", "Void", "unlabeled"),
    *("道路", "небо", "طريق", "Stra\u00dfe", "caf\u00e9", "cafe\u0301", "\U0001f697", "a" * 300),
    *(" road", "road ", "ROAD", "a,b", "a\tb", "a\nb", "a\x1b[31m", "\u202eroad", "\ufeff", "0"),
)
VALUES = (
    *("0", "1", "-1", "255", "256", "1.0", "1e3", "nan", "inf", "true", '""', '" "', "'x'", "[]"),
    *("[0, 0, 0]", "[255, 0]", "[0, 0, 256]", "[0, 0, 0, 0]", '[1, "a", 2]', "{}", "{ a = 1 }"),
    *(
        "1979-05-27",
        "9" * 400,
        "9" * 5000,
        "0x10",
        "[[1, 2, 3]]",
        "[1, 1]",
        "[true, 0, 0]",
        '"\\u0000"',
    ),
)
KEYS = (
    *("name", "index", "colour", "category", "color", "id", "void", "void_indices", "void_colours"),
    *("num_classes", "größe", '"a b"', "class", "palette"),
)


@dataclass(frozen=True)
class Table:
    """A whole table and what it means.

    Attributes:
        text: of the file.
        indices: of the classes in masks of indices, in their order.
        colours: of the classes in masks of colours; None where there are none.
        void: indices that are void by a line of the table.
        by_index: whether grey masks hold `indices`.
    """

    text: str
    indices: tuple[int, ...]
    colours: tuple[tuple[int, int, int], ...] | None
    void: tuple[int, ...]
    by_index: bool


def whole(rng: random.Random) -> Table:
    """A table of one to five classes that the reader takes."""
    count = rng.choice((1, 2, 2, 2, 3, 3, 5))
    names = rng.sample(NAMES[:8], count)
    has_indices, has_colours = rng.random() < 0.5, rng.random() < 0.3
    indices = rng.sample(range(256), count) if has_indices else list(range(count))
    colours = [(rng.randrange(256), 40 * place, 7) for place in range(count)]
    void: list[int] = []
    lines = []
    by_index = has_indices or not has_colours
    if by_index and rng.random() < 0.3:
        void = rng.sample([value for value in range(256) if value not in indices], 2)
        lines.append(f"void_indices = {void}")
    for place, name in enumerate(names):
        lines += ["[[class]]", f"name = {json.dumps(name)}"]
        lines += [f"index = {indices[place]}"] if has_indices else []
        lines += [f"colour = {list(colours[place])}"] if has_colours else []
    kept = tuple(colours) if has_colours else None
    return Table("\n".join(lines) + "\n", tuple(indices), kept, tuple(void), by_index)


def drawn(rng: random.Random) -> bytes:
    """A random table: of random keys and values, a whole one with a fault, or damaged text."""
    how = rng.randrange(4)
    text = whole(rng).text
    if how == 0:
        lines = [f"{rng.choice(KEYS)} = {rng.choice(VALUES)}" for _ in range(rng.randrange(3))]
        for _ in range(rng.choice((0, 1, 2, 3, 300))):
            lines.append(
                rng.choice(("[[class]]", "[[class]]", "[[class]]", "[class]", "[[klass]]"))
            )
            if rng.random() < 0.9:
                lines.append(f"name = {_string(rng)}")
            for _ in range(rng.randrange(3)):
                lines.append(f"{rng.choice(KEYS)} = {rng.choice(VALUES)}")
        text = "\n".join(lines)
    elif how == 1:
        lines = text.split("\n")
        place = rng.randrange(len(lines))
        lines[place] = f"{rng.choice(KEYS)} = {rng.choice((_string(rng), rng.choice(VALUES)))}"
        text = "\n".join(lines)
    elif how == 2:
        text = "".join(
            f"[[class]]\nname = {_string(rng)}\n" for _ in range(rng.choice((1, 2, 3, 255, 256)))
        )
    codes = ("utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1251")
    data = text.encode(rng.choice(codes), "replace")
    if how == 3 and data:
        changed = bytearray(data)
        for _ in range(rng.choice((1, 2, 8))):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        data = bytes(changed)
    if rng.random() < 0.1:
        data = data.replace(b"\n", rng.choice((b"\r\n", b"\r")))
    if rng.random() < 0.02:
        data = b"x = " + b"[" * 5000 + b"]" * 5000
    return data


def _string(rng: random.Random) -> str:
    """A name as TOML has it."""
    if rng.random() < 0.7:
        return json.dumps(rng.choice(NAMES), ensure_ascii=rng.random() < 0.5)
    letters = (
        rng.randrange(32, 0x250),
        rng.randrange(0x4E00, 0x9FFF),
        rng.randrange(0x1F600, 0x1F640),
    )
    return json.dumps("".join(chr(rng.choice(letters)) for _ in range(rng.randrange(1, 12))))
