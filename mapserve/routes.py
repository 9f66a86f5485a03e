"""Every route of the map services, for the server to mount."""

from litestar.types import ControllerRouterHandler

routes: list[ControllerRouterHandler] = []
