"""Elements of SLD and SE: the same names in whatever namespace, and refusals that say where."""

from collections.abc import Sequence
from typing import Any

from open311.errors import BadInput


def kind(element: Any) -> str:
    """The name of an element, without its namespace."""
    return str(element.tag).rpartition("}")[2]


def children(element: Any) -> list[Any]:
    """The elements within, without comments."""
    return [each for each in element if isinstance(each.tag, str)]


def child(element: Any, name: str) -> Any:
    """The first element of a name within, or None."""
    return next((each for each in children(element) if kind(each) == name), None)


def every(element: Any, name: str) -> list[Any]:
    """All elements of a name within."""
    return [each for each in children(element) if kind(each) == name]


def text(element: Any) -> str:
    """The text of an element and of all within, without the space around; of None it is empty."""
    return "" if element is None else "".join(element.itertext()).strip()


def check_names(element: Any, known: Sequence[str]) -> None:
    """Refuse an element that has others within than those that are known. Raises BadInput."""
    for each in children(element):
        if kind(each) not in known:
            raise wrong(f"This is not understood within {kind(element)}", each)


def place(element: Any) -> str:
    """Where an element stands."""
    return f"line {element.sourceline}, {kind(element)[:40]}"


def wrong(told: str, element: Any) -> BadInput:
    """A refusal; the sentence comes without its full stop."""
    return BadInput(f"{told} ({place(element)}).")
