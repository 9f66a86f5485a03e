"""Parts of a file over HTTP, as RFC 9110 section 14 has them."""

import re

_ONE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Unsatisfiable(Exception):
    """No byte of the file is in the range that was asked for."""


def read_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The first byte and the one behind the last, or None for the whole file.

    Several ranges, other units and what cannot be read are answered with the whole file, as they
    may be. Raises Unsatisfiable.
    """
    found = _ONE.fullmatch(header.replace(" ", "")) if header else None
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        begin, end = max(0, size - int(last)), size
    else:
        begin, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None
    if begin >= end:
        raise Unsatisfiable
    return begin, end
