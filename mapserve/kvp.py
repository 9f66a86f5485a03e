"""Parameters of OGC web services: names in any case, each once."""

from typing import Any
from urllib.parse import parse_qsl

from litestar import Request
from msgspec import Struct

from open311.errors import BadInput
from open311.forms import parse_number
from open311.settings import Settings


class Parameters(Struct, frozen=True):
    """Values by name in capitals. A name without a value is one that is not there."""

    values: dict[str, str]

    def text(self, name: str, otherwise: str = "") -> str:
        """The value of a name."""
        return self.values.get(name) or otherwise

    def many(self, name: str) -> list[str]:
        """The values of a list with commas between; one of nothing is empty."""
        text = self.text(name)
        return [each.strip() for each in text.split(",")] if text else []

    def numbers(self, name: str) -> list[float]:
        """A list of finite numbers. Raises BadInput."""
        try:
            return [parse_number(each) for each in self.many(name)]
        except ValueError:
            raise BadInput(f"{name} must be numbers with commas between.") from None

    def integer(self, name: str, otherwise: int | None = None) -> int:
        """A whole number from 0. Raises BadInput for another, or when there is none at all."""
        text = self.text(name, "" if otherwise is None else str(otherwise))
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise BadInput(f"{name} must be a whole number.")
        return int(text)

    def is_true(self, name: str) -> bool:
        """Whether it says so; anything but TRUE is no."""
        return self.text(name).lower() in ("true", "1")


def read(request: Request[Any, Any, Any], settings: Settings) -> Parameters:
    """The parameters of the query string; of a name twice the last counts. Raises BadInput."""
    return parse(request.scope["query_string"], settings)


def parse(encoded: bytes, settings: Settings) -> Parameters:
    """Parameters as URLs and forms have them. Raises BadInput for too many, or not UTF-8."""
    try:
        pairs = parse_qsl(
            encoded.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=settings.max_form_fields,
        )
    except (UnicodeDecodeError, ValueError):
        raise BadInput("The parameters are too many, or not UTF-8.") from None
    if any("\0" in name + value for name, value in pairs):
        raise BadInput("The parameters hold a NUL.")
    return Parameters({name.upper(): value for name, value in pairs})
