"""The server: the one place that puts routes, connections and middleware together."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from litestar import Litestar
from litestar.config.compression import CompressionConfig
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException

from clients.web import city, pages, report, tracking
from clients.whatsapp import webhooks
from ingest import models
from mapserve import tiles
from mapserve.atlas import Atlas
from mapserve.ogcapi import pages as ogc_pages
from mapserve.routes import routes as map_routes
from mapserve.streams import Feeds
from open311 import (
    connections,
    georeport,
    health,
    logs,
    media,
    observation,
    openapi,
    privacy,
    rates,
    responses,
)
from open311.context import Context
from open311.environment import from_environment
from open311.errors import Problem
from open311.settings import Settings

_EXPOSED = (
    "Accept-Continuation Accept-Ranges Content-Bbox Content-Crs Content-Disposition "
    "Content-Length Content-Range ETag Idempotent-Replayed Link Possible-Duplicate-Of Retry-After "
    "X-Request-Id X-Style-Notes X-Tile-Truncated X-Total-Count"
)
_CORS = CORSConfig(
    allow_origins=["*"],
    allow_methods=["GET", "HEAD", "POST", "OPTIONS"],
    allow_headers=[
        *("authorization", "content-type", "idempotency-key", "if-none-match", "last-event-id"),
        *("if-range", "range"),
    ],
    expose_headers=_EXPOSED.split(),
    max_age=86_400,
)
# Brotli 4 takes as long as gzip 4 and saves the same; the defaults cost ten times as much.
_COMPRESSION = CompressionConfig(
    backend="brotli",
    brotli_quality=4,
    brotli_gzip_fallback=True,
    gzip_compress_level=4,
    exclude="^/media/",  # photos are compressed already
    exclude_opt_key="uncompressed",  # says a route that compresses by itself, or must not
)


def create_app(settings: Settings) -> Litestar:
    """The ASGI application; connections open with its lifespan and close with it."""
    context = connections.open_context(settings)
    context.checks = {f"{name} model": partial(models.trouble, name) for name in models.FILES}
    feeds = Feeds(context)
    atlas = Atlas(context)
    app = Litestar(
        route_handlers=[
            *georeport.routes,
            *media.routes,
            *health.routes,
            *openapi.routes,
            *map_routes,
            *pages.routes,
            *city.routes,
            *report.routes,
            *tracking.routes,
            *webhooks.routes,
        ],
        dependencies={
            "context": Provide(lambda: context, sync_to_thread=False, use_cache=True),
            "feeds": Provide(lambda: feeds, sync_to_thread=False, use_cache=True),
            "settings": Provide(lambda: settings, sync_to_thread=False, use_cache=True),
            "atlas": Provide(lambda: atlas, sync_to_thread=False, use_cache=True),
        },
        exception_handlers={
            Problem: responses.tell_problem,
            HTTPException: responses.tell_http_error,
            Exception: responses.tell_failure,
        },
        template_config=pages.templates(ogc_pages.TEMPLATES),
        cors_config=_CORS,
        compression_config=_COMPRESSION,
        request_max_body_size=settings.max_upload_bytes,
        openapi_config=None,
        state=State({"hub": context.hub}),
        logging_config=None,  # `logs` has it
        lifespan=[lambda _app: _open(context)],
        debug=False,
    )
    # from outside: the framework's own middleware sees nothing of unknown paths and methods
    served = tiles.quickly(app.asgi_handler, atlas, _CORS.simple_headers)
    limited = privacy.keep_private(rates.limit(served, context, _CORS.simple_headers))
    app.asgi_handler = observation.observe(limited)
    return app


@asynccontextmanager
async def _open(context: Context) -> AsyncIterator[None]:
    try:
        async with context.hub.running():
            yield
    finally:
        await connections.close_context(context)


def create_app_from_environment() -> Litestar:
    """The factory to name to any ASGI server, when `open311 serve` is not what starts it."""
    settings = from_environment(os.environ)
    logs.configure(settings)
    return create_app(settings)
