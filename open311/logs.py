"""One log for all processes, on standard error: text on a terminal, JSON elsewhere.

What is logged names things of the domain and never people: no form values, no queries.
"""

import logging
import sys
from collections.abc import Sequence

import structlog
from structlog.typing import EventDict, Processor

from open311.settings import Settings

# Lines of other libraries' own that say nothing to an operator.
_QUIET = ("uvicorn.access", "saq", "httpx", "httpcore", "alembic")


def configure(settings: Settings) -> None:
    """Send structlog's and the standard library's records the same way; call once a process."""
    text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared = _shared()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_rendered(text))
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _drop_colors,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _drop_colors(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Uvicorn sends each message a second time, coloured."""
    event.pop("color_message", None)
    return event


def _rendered(text: bool) -> Sequence[Processor]:
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if text:
        # not the rich tracebacks, which print the values of local variables: people's data
        plain = structlog.dev.plain_traceback
        colors = sys.stderr.isatty()
        renderer = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)
        return [remove, renderer]
    return [
        remove,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]
