#!/usr/bin/python3
"""Loads vectors by binary COPY with psycopg 3, or psycopg2, then builds the index.

    load.py 100000 "dbname=mydb"

Makes the table loaded_by_python (id bigint, embedding vector(8)) with as many rows as asked for. Put your own vectors in the
place of embedding_of(); of a numpy array, array.astype(">f4").tobytes() is what pack_vector() needs.
"""
import io
import math
import struct
import sys

DIMENSIONS = 8
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = b"\xff\xff"


def embedding_of(number):
    return [math.sin(number * (i + 1)) for i in range(DIMENSIONS)]


def pack_vector(values):
    """A vector in binary form: dimensions, zero, elements, in network byte order."""
    return struct.pack(f">hh{len(values)}f", len(values), 0, *values)


def pack_row(number, values):
    vector = pack_vector(values)
    return struct.pack(">hiqi", 2, 8, number, len(vector)) + vector


def pieces(rows):
    """The bytes of the whole COPY, some hundred kilobytes at a time."""
    piece = bytearray(HEADER)
    for number in range(1, rows + 1):
        piece += pack_row(number, embedding_of(number))
        if len(piece) > 200_000:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece) + END


class Stream(io.RawIOBase):
    """What psycopg2 reads from."""

    def __init__(self, iterator):
        self.iterator, self.rest = iterator, b""

    def readable(self):
        return True

    def readinto(self, buffer):
        if not self.rest:
            self.rest = next(self.iterator, b"")
        count = min(len(buffer), len(self.rest))
        buffer[:count], self.rest = self.rest[:count], self.rest[count:]
        return count


def copy(cursor, statement, iterator):
    if hasattr(cursor, "copy_expert"):  # psycopg2
        cursor.copy_expert(statement, io.BufferedReader(Stream(iterator)))
    else:
        with cursor.copy(statement) as target:
            for piece in iterator:
                target.write(piece)


def main(rows="1000", connection_string=""):
    try:
        import psycopg as driver
    except ImportError:
        import psycopg2 as driver
    connection = driver.connect(connection_string)
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE loaded_by_python (id bigint, embedding vector(8))")
    copy(cursor, "COPY loaded_by_python (id, embedding) FROM STDIN (FORMAT binary)", pieces(int(rows)))
    print(cursor.rowcount, "rows by", driver.__name__)
    cursor.execute("CREATE INDEX ON loaded_by_python USING hnsw (embedding vector_l2_ops)")
    connection.commit()
    cursor.execute("SELECT id FROM loaded_by_python ORDER BY embedding <-> %s::vector LIMIT 1", (str(embedding_of(7)),))
    print("nearest to the seventh:", cursor.fetchone()[0])
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
