"""What columns are called in a file, where a name must be the only one of its kind."""

from collections.abc import Iterable, Sequence

KEY = "id"
"""What a feature's own id is called, unless a field is called so."""


def header(names: Iterable[str], places: Sequence[str], most_bytes: int | None = None) -> list[str]:
    """The names of a feature's id, of its fields, and of what tells its place, in this order.

    Fields keep their names where they can: the others give way.
    """
    fields = distinct(names, most_bytes=most_bytes)
    key, *told = distinct([KEY, *places], fields, most_bytes)
    return [key, *fields, *told]


def distinct(
    names: Iterable[str], taken: Iterable[str] = (), most_bytes: int | None = None
) -> list[str]:
    """The names, with a number behind those that are there already, cut to so many bytes.

    They differ whatever the case of their letters: GDAL takes `Geometry` for `geometry`, and would
    read its texts as shapes.
    """
    known, found = {name.lower() for name in taken}, []
    for name in names:
        told, number = _cut(name, "", most_bytes), 0
        while told.lower() in known:
            number += 1
            told = _cut(name, f"_{number}", most_bytes)
        known.add(told.lower())
        found.append(told)
    return found


def _cut(name: str, ending: str, most_bytes: int | None) -> str:
    if most_bytes is None:
        return name + ending
    room = most_bytes - len(ending)
    return name.encode()[:room].decode(errors="ignore") + ending
