#!/usr/bin/python3
"""Vectors for the demo, as the bytes that COPY ... (FORMAT binary) takes: rows of (id int4, name text, v vector).

    vectors.py words FILE          the words of FILE, one a line, without those that have an apostrophe
    vectors.py misspelt FILE N     N words of FILE with a slip of the pen each, and some that people really get wrong
    vectors.py fvecs FILE [N]      the vectors of an .fvecs file (the first N), named by their number
    vectors.py kth FILE K [N]      not vectors: "query <tab> its K-th nearest" from an .ivecs file, numbers from 1

A word becomes a vector by its spelling: every run of 2, 3 and 4 letters, the ends of the word marked, is hashed to one of
256 dimensions and a sign, and counted there. Words that share letter runs then have a small cosine distance.
"""
import array
import random
import signal
import struct
import sys
import zlib

DIMENSIONS = 256
MISTAKES = ("accomodate", "definately", "embarass", "enviroment", "goverment", "mispell", "necesary", "rythm")


def words_of(path):
    with open(path, encoding="utf-8") as file:
        return sorted({line.strip().lower() for line in file if "'" not in line and line.strip()})


def vector_of(word):
    values = [0.0] * DIMENSIONS
    marked = f"<{word}>"
    for length in (2, 3, 4):
        for start in range(len(marked) - length + 1):
            value = zlib.crc32(marked[start:start + length].encode())
            values[value % DIMENSIONS] += 1.0 if value & 0x10000 else -1.0
    return array.array("f", values)


def misspell(word, rng):
    """Two neighbouring letters change places, or one is left out, or doubled."""
    at = rng.randrange(1, len(word) - 1)
    return rng.choice((word[:at] + word[at + 1] + word[at] + word[at + 2:],
                       word[:at] + word[at + 1:],
                       word[:at] + word[at] + word[at:]))


def write_rows(rows):
    """rows: (name, array of float32 in this machine's byte order)"""
    out = sys.stdout.buffer
    out.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
    for number, (name, values) in enumerate(rows, 1):
        if sys.byteorder == "little":
            values.byteswap()
        data, text = values.tobytes(), name.encode()
        out.write(struct.pack(f">hiii{len(text)}sihh", 3, 4, number, len(text), text, 4 + len(data), len(values), 0))
        out.write(data)
    out.write(b"\xff\xff")


def read_vecs(path, code, limit):
    """.fvecs and .ivecs: for each vector its dimension as int32, then the values, little-endian."""
    with open(path, "rb") as file:
        while limit != 0 and (head := file.read(4)):
            values = array.array(code, file.read(4 * struct.unpack("<i", head)[0]))
            if sys.byteorder == "big":
                values.byteswap()
            yield values
            limit -= 1


def main(kind, path, *numbers):
    numbers = [int(number) for number in numbers]
    if kind == "words":
        write_rows((word, vector_of(word)) for word in words_of(path))
    elif kind == "misspelt":
        rng = random.Random(1)
        known = words_of(path)
        long_words = [word for word in known if len(word) >= 5]
        wrong = [*MISTAKES, *(misspell(word, rng) for word in rng.sample(long_words, numbers[0]))]
        write_rows((word, vector_of(word)) for word in wrong)
    elif kind == "fvecs":
        limit = numbers[0] if numbers else -1
        write_rows((str(n), values) for n, values in enumerate(read_vecs(path, "f", limit), 1))
    elif kind == "kth":
        for n, values in enumerate(read_vecs(path, "i", numbers[1] if len(numbers) > 1 else -1), 1):
            print(f"{n}\t{values[numbers[0] - 1] + 1}")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    # whoever interrupts the demo, or ends what reads this, wants no traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main(*sys.argv[1:])
