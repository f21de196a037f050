"""Damage to files: each function gives other bytes than it takes, drawn by a generator."""

import random
import struct
import zlib
from collections.abc import Callable

from pictures import HEIGHT, ORDINARY, WIDTH, encoded

SIDES = (0, 1, 2**15, 65_535, 14_142, 100_000, 2**24, 2**31 - 1, 2**32 - 1)
Mutation = Callable[[random.Random, bytes], bytes]


def flip(rng: random.Random, file: bytes) -> bytes:
    """Some bytes become others, at any place or near the start."""
    changed = bytearray(file)
    most = len(file) if rng.random() < 0.5 else min(len(file), 100)
    for _ in range(rng.choice((1, 1, 2, 4, 16)) if file else 0):
        changed[rng.randrange(most)] = rng.choice((0, 255, rng.randrange(256)))
    return bytes(changed)


def truncate(rng: random.Random, file: bytes) -> bytes:
    return file[: rng.choice((rng.randrange(len(file) + 1), len(file) - rng.randrange(1, 20)))]


def cut(rng: random.Random, file: bytes) -> bytes:
    start = rng.randrange(len(file) + 1)
    return file[:start] + file[start + rng.randrange(1, 64) :]


def repeat(rng: random.Random, file: bytes) -> bytes:
    start = rng.randrange(len(file) + 1)
    end = start + rng.randrange(1, 200)
    return file[:end] + file[start:end] * rng.randrange(1, 4) + file[end:]


def insert(rng: random.Random, file: bytes) -> bytes:
    start = rng.choice((0, len(file), rng.randrange(len(file) + 1)))
    return file[:start] + rng.randbytes(rng.randrange(1, 64)) + file[start:]


def blank(rng: random.Random, file: bytes) -> bytes:
    start = rng.randrange(len(file) + 1)
    end = min(len(file), start + rng.randrange(1, 400))
    return file[:start] + bytes(end - start) + file[end:]


def head_of_another(rng: random.Random, file: bytes) -> bytes:
    """The first bytes are those of another kind of file."""
    length = rng.choice((2, 4, 8, 12, 32))
    return encoded(rng.choice(ORDINARY))[:length] + file[length:]


def tail_of_another(rng: random.Random, file: bytes) -> bytes:
    other = encoded(rng.choice(ORDINARY))
    return file[: len(file) // 2] + other[len(other) // 2 :]


def number(rng: random.Random, file: bytes) -> bytes:
    """A whole number of the header, or of any place, is one that is on an edge."""
    width, code = rng.choice(((2, "H"), (4, "I"), (4, "I")))
    value = rng.choice(SIDES) & (2 ** (8 * width) - 1)
    place = rng.randrange(max(1, min(len(file), 200 if rng.random() < 0.8 else len(file))))
    return file[:place] + struct.pack(rng.choice("<>") + code, value) + file[place + width :]


def other_size(rng: random.Random, file: bytes) -> bytes:
    """The size that the header states is another, most often a huge one."""
    codes = [order + code for code in "IH" for order in "<>"]
    changed = file
    for side in rng.choice(((WIDTH,), (HEIGHT,), (WIDTH, HEIGHT))):
        for code in codes:
            old = struct.pack(code, side)
            if old in changed[:600]:
                value = rng.choice(SIDES) & (2 ** (8 * len(old)) - 1)
                changed = changed.replace(old, struct.pack(code, value), 1)
                break
    text = f"{WIDTH} {HEIGHT}".encode()
    return changed.replace(text, f"{rng.choice(SIDES)} {rng.choice(SIDES)}".encode(), 1)


def chunks(rng: random.Random, file: bytes) -> bytes:
    """A chunk of a PNG file is gone, twice there, elsewhere, or of another length or kind."""
    if not file.startswith(b"\x89PNG"):
        return flip(rng, file)
    parts, place = [], 8
    while place + 8 <= len(file):
        length = int.from_bytes(file[place : place + 4], "big")
        parts.append(file[place : place + 12 + length])
        place += 12 + length
    which = rng.randrange(len(parts))
    how = rng.randrange(6)
    if how == 0:
        del parts[which]
    elif how == 1:
        parts.insert(rng.randrange(len(parts)), parts[which])
    elif how == 2:
        rng.shuffle(parts)
    elif how == 3:
        parts[which] = struct.pack(">I", rng.choice(SIDES)) + parts[which][4:]
    elif how == 4:
        kind = rng.choice((b"IDAT", b"PLTE", b"tRNS", b"IEND", b"acTL", b"fcTL", b"eXIf", b"gAMA"))
        parts[which] = parts[which][:4] + kind + parts[which][8:]
    else:
        parts[which] = struct.pack(">I", max(0, len(parts[which]) - 13)) + parts[which][4:]
    return file[:8] + b"".join(parts)


def right_sums(file: bytes) -> bytes:
    """A PNG file whose chunks have the checksums of their content, so that damage is not seen."""
    if not file.startswith(b"\x89PNG"):
        return file
    parts, place = [file[:8]], 8
    while place + 12 <= len(file):
        length = int.from_bytes(file[place : place + 4], "big")
        body = file[place + 4 : place + 8 + length]
        if len(body) < 4 + length:
            break
        parts.append(file[place : place + 4] + body + struct.pack(">I", zlib.crc32(body)))
        place += 12 + length
    return b"".join(parts) + file[place:]


MUTATIONS: tuple[Mutation, ...] = (
    flip,
    flip,
    truncate,
    cut,
    repeat,
    insert,
    blank,
    head_of_another,
    tail_of_another,
    number,
    other_size,
    other_size,
    chunks,
)


def mutated(rng: random.Random, file: bytes) -> tuple[bytes, str]:
    """A file after one to three mutations, and their names."""
    names = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if not file:
            break
        mutation = rng.choice(MUTATIONS)
        file = mutation(rng, file)
        names.append(mutation.__name__)
    if rng.random() < 0.5:
        file = right_sums(file)
    return file, "+".join(names)
