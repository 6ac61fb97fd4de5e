"""Encodes a list as JSON, up to a size limit."""

from collections.abc import Iterator, Sequence

import msgspec

LARGEST_BYTES = 256 * 1024  # a hundred messages of control characters would be 2.4 MB
FEW = 25  # up to so many items are encoded in one call: half a millisecond at most

_encoder = msgspec.json.Encoder()


def encoded(items: Sequence[object]) -> tuple[bytes, int]:
    """Returns an array of the first items, and their number.

    It has at least one item, if there is one, even above the limit.
    """
    if len(items) <= FEW:
        whole = _encoder.encode(items)
        if len(whole) <= LARGEST_BYTES:
            return whole, len(items)
    return _cut(items)


def encoded_around(items: Sequence[object], middle: int) -> tuple[bytes, slice]:
    """Returns an array of the items around the index `middle`, and which ones they are.

    If they are more than the limit, as many remain on either side, or one more.
    """
    pieces: dict[int, bytes] = {}
    size = 0
    for index in _outwards(middle, len(items)):
        piece = _encoder.encode(items[index])
        size += len(piece) + 1
        if pieces and size >= LARGEST_BYTES:
            break
        pieces[index] = piece
    array = b"[" + b",".join(pieces[index] for index in sorted(pieces)) + b"]"
    return array, slice(min(pieces, default=0), max(pieces, default=-1) + 1)


def _outwards(middle: int, length: int) -> Iterator[int]:
    """Yields all indices below `length`, the nearest to `middle` first."""
    for distance in range(length):
        for index in {middle + distance, middle - distance}:
            if 0 <= index < length:
                yield index


def _cut(items: Sequence[object]) -> tuple[bytes, int]:
    found = bytearray(b"[")
    count = 0
    for item in items:
        end = len(found)
        _encoder.encode_into(item, found, -1)
        if count and len(found) >= LARGEST_BYTES:
            del found[end:]
            break
        found += b","
        count += 1
    found[max(len(found) - 1, 1) :] = b"]"
    return bytes(found), count
