"""The demo's Cape Town behind every map service."""

from tests.maps.conftest import cape_town, demo, demo_app, rows

__all__ = ["cape_town", "demo", "demo_app", "rows"]
