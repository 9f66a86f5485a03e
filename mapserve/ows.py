"""Errors of WFS and WMTS: an ows:ExceptionReport (OGC 06-121r9, clause 8)."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from xml.sax.saxutils import escape, quoteattr

from open311.errors import STATUS, BadInput, NotFound, Problem

_OWS = {"2.0.0": ("1.1", "2.0.0"), "1.1.0": ("1.0", "1.0.0"), "1.0.0": ("1.1", "1.0.0")}
"""Versions of the report by that of the service."""


class OwsException(BadInput):
    """A refusal with one of the codes of the standards; `locator` names the parameter."""

    def __init__(self, code: str, description: str, locator: str = "") -> None:
        super().__init__(description)
        self.code = code
        self.locator = locator


@contextmanager
def told_as(code: str, locator: str = "") -> Iterator[None]:
    """Refusals within the block, whatever refuses, with a code of the standard."""
    try:
        yield
    except OwsException:
        raise
    except (BadInput, NotFound) as problem:
        raise OwsException(code, " ".join(problem.descriptions), locator) from None


def missing(name: str) -> OwsException:
    """The refusal of a call without a parameter that it needs."""
    return OwsException("MissingParameterValue", f"{name} is missing.", name.lower())


_STATUS = {
    "OperationNotSupported": HTTPStatus.NOT_IMPLEMENTED,
    "OptionNotSupported": HTTPStatus.NOT_IMPLEMENTED,
    "OperationProcessingFailed": HTTPStatus.FORBIDDEN,
    "NotFound": HTTPStatus.NOT_FOUND,
}


def report(problem: Problem, version: str) -> tuple[bytes, HTTPStatus]:
    """The report of a problem, and the status that goes with it."""
    status, code, locator = (
        STATUS.get(type(problem), HTTPStatus.BAD_REQUEST),
        "NoApplicableCode",
        "",
    )
    if isinstance(problem, OwsException):
        code, locator = problem.code, problem.locator
        status = _STATUS.get(code, HTTPStatus.BAD_REQUEST)
    ows, own = _OWS.get(version, _OWS["2.0.0"])
    place = f" locator={quoteattr(locator)}" if locator else ""
    space = f"http://www.opengis.net/ows{'/' + ows if ows != '1.0' else ''}"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<ows:ExceptionReport xmlns:ows="{space}" version="{own}" xml:lang="en">'
        f"<ows:Exception exceptionCode={quoteattr(code)}{place}>"
        f"<ows:ExceptionText>{escape(' '.join(problem.descriptions))}</ows:ExceptionText>"
        "</ows:Exception></ows:ExceptionReport>"
    ).encode(), status
