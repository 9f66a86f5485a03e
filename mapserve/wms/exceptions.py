"""Errors of WMS: a ServiceExceptionReport (OGC 06-042, annex E.2; 01-068r3, annex A.3)."""

from collections.abc import Iterator
from contextlib import contextmanager

import skia

from mapserve.pictures.encoding import Pixels
from mapserve.pictures.labels import TYPEFACE
from open311.errors import BadInput, NotFound, Problem

NAMESPACE = "http://www.opengis.net/ogc"


class ServiceException(BadInput):
    """A refusal with one of the codes of the standard; `locator` names the parameter."""

    def __init__(self, code: str, description: str, locator: str = "") -> None:
        super().__init__(description)
        self.code = code
        self.locator = locator


@contextmanager
def told_as(code: str, locator: str = "") -> Iterator[None]:
    """Refusals within the block, whatever refuses, with a code of the standard."""
    try:
        yield
    except ServiceException:
        raise
    except (BadInput, NotFound) as problem:
        raise ServiceException(code, " ".join(problem.descriptions), locator) from None


def write_on(pixels: Pixels, problem: Problem) -> None:
    """The sentences of a problem on a picture, for clients that show nothing else."""
    surface = skia.Surface(
        pixels, colorType=skia.kRGBA_8888_ColorType, alphaType=skia.kPremul_AlphaType
    )
    font, ink = skia.Font(TYPEFACE, 12), skia.Paint(AntiAlias=True, Color=skia.ColorBLACK)
    for number, sentence in enumerate(problem.descriptions):
        surface.getCanvas().drawString(sentence, 6, 18 + 16 * number, font, ink)
