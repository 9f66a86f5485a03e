"""Bodies that cannot be read or kept: georeport 1.1, 1.5."""

import httpx
import pytest

pytestmark = pytest.mark.anyio

PLACE = {"lat": "-33.92", "long": "18.65"}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"attribute%5Ba%00%5D=x"),
        ("application/x-www-form-urlencoded", b"description=%00"),
        ("application/json", b'{"attribute": {"\\u0000": "x"}}'),
        ("application/json", b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
        ("application/json", b'{"description": "\\ud800"}'),
    ],
)
async def test_what_cannot_be_kept_is_refused(
    client: httpx.AsyncClient, city: str, content_type: str, body: bytes
) -> None:
    headers = {"Content-Type": content_type, "Authorization": f"Bearer key-{city}"}
    query = {"service_code": "POTHOLE", **PLACE}
    answer = await client.post("/requests.json", params=query, content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()[0]["code"] == 400


async def test_an_unknown_charset_of_a_part_is_refused(
    client: httpx.AsyncClient, city: str
) -> None:
    body = (
        b'--B\r\nContent-Disposition: form-data; name="description"\r\n'
        b"Content-Type: text/plain; charset=nonsense\r\n\r\nx\r\n--B--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    answer = await client.post("/requests.json", content=body, headers=headers)
    assert answer.status_code == 400
