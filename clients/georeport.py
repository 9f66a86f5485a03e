"""A client of GeoReport v2, of this server or any other: typed, asynchronous, by its JSON.

The standard and our extensions of it: `nearby`, updates, idempotency keys.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from open311 import wire

T = TypeVar("T")
_SECONDS = 20.0


class Refused(Exception):
    """The server said no: its status code, and why in its own words."""

    def __init__(self, status: int, descriptions: Sequence[str]) -> None:
        super().__init__(f"{status}: {' '.join(descriptions)}")
        self.status = status
        self.descriptions = descriptions

    @property
    def may_pass(self) -> bool:
        """Whether trying again later may help."""
        return self.status in (408, 425, 429) or self.status >= 500


class GeoReport:
    """One jurisdiction's API. `base` goes up to `/v2`; a transport stands in for the network.

    Every call raises Refused, or httpx.TransportError when the server cannot be reached.
    """

    def __init__(
        self, base: str, api_key: str = "", transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._http = httpx.AsyncClient(timeout=_SECONDS, transport=transport, trust_env=False)
        self._base = base.rstrip("/")
        self._key = api_key

    async def services(self) -> list[wire.Service]:
        """All services."""
        return await self._get("services", list[wire.Service])

    async def definition(self, service_code: str) -> wire.ServiceDefinition:
        """The questions of one service."""
        path = f"services/{quote(service_code, safe='')}"
        return await self._get(path, wire.ServiceDefinition)

    async def request(self, service_request_id: str) -> wire.Request:
        """One request, with what extensions tell of it."""
        path = f"requests/{quote(service_request_id, safe='')}"
        found = await self._get(path, list[wire.Request], extensions="true")
        return found[0]

    async def nearby(self, service_code: str, lat: float, long: float) -> list[wire.Request]:
        """Open requests of a service around a point (degrees, WGS84), the nearest first."""
        return await self._get(
            "nearby", list[wire.Request], service_code=service_code, lat=lat, long=long
        )

    async def token(self, token: str) -> wire.Token:
        """What became of a request that was answered with a token."""
        found = await self._get(f"tokens/{quote(token, safe='')}", list[wire.Token])
        return found[0]

    async def file(self, fields: Mapping[str, Any], key: str) -> wire.Receipt:
        """File a request; the same key again answers as the first time and files nothing."""
        headers = {"Idempotency-Key": key}
        receipts = await self._post("requests", fields, list[wire.Receipt], headers)
        return receipts[0]

    async def update(self, fields: Mapping[str, Any]) -> wire.UpdateReceipt:
        """Post an update of a request; the same `update_id` again answers as the first time."""
        receipts = await self._post("servicerequestupdates", fields, list[wire.UpdateReceipt], {})
        return receipts[0]

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _get(self, path: str, kind: type[T], **query: object) -> T:
        named = {name: str(value) for name, value in query.items()}
        return _read(await self._http.get(f"{self._base}/{path}.json", params=named), kind)

    async def _post(
        self, path: str, fields: Mapping[str, Any], kind: type[T], headers: Mapping[str, str]
    ) -> T:
        sent = {name: value for name, value in fields.items() if value is not None}
        answer = await self._http.post(
            f"{self._base}/{path}.json",
            data=sent,
            headers={"Authorization": f"Bearer {self._key}", **headers},
        )
        return _read(answer, kind)


def _read(answer: httpx.Response, kind: type[T]) -> T:
    if answer.is_success:
        return msgspec.json.decode(answer.content, type=kind)
    try:
        errors = msgspec.json.decode(answer.content, type=list[wire.Error])
    except msgspec.DecodeError:
        errors = []
    raise Refused(answer.status_code, [error.description for error in errors])
