"""A browser without scripts: it shows pages, follows links and sends forms."""

import secrets
from typing import Any

import httpx
from litestar import Litestar
from lxml import html


def browse(app: Litestar) -> httpx.AsyncClient:
    """A browser with an address of its own, so nobody else uses up its limits."""
    address = f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"
    transport = httpx.ASGITransport(app, client=(address, 50000))
    return httpx.AsyncClient(transport=transport, base_url="http://open311.test")


def read(answer: httpx.Response) -> html.HtmlElement:
    """The page, as a tree whose links and forms know their addresses."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return html.fromstring(answer.text, base_url=str(answer.url))


def words(answer: httpx.Response) -> str:
    """What a page says."""
    return " ".join(read(answer).find(".//main").text_content().split())


async def follow(
    browser: httpx.AsyncClient, answer: httpx.Response, link: str, **headers: str
) -> httpx.Response:
    """The page behind the link with these words."""
    (found,) = read(answer).xpath("//a[contains(normalize-space(.), $link)]/@href", link=link)
    return await browser.get(answer.url.join(found), headers=headers)


async def send(
    browser: httpx.AsyncClient,
    answer: httpx.Response,
    form_id: str,
    files: list[tuple[str, bytes]] | None = None,
    **filled: Any,
) -> httpx.Response:
    """Fill a form in and send it, with all that its fields hold already, as a browser does."""
    (form,) = read(answer).xpath("//form[@id=$form_id]", form_id=form_id)
    fields = dict(form.form_values())
    unknown = filled.keys() - {field.name for field in form.inputs}
    assert not unknown, f"the form has no {unknown}"
    fields |= filled
    address = answer.url.join(form.action or "")
    if form.method == "GET":
        return await browser.get(address.copy_with(query=None), params=fields)
    photos = [("photo", (name, content)) for name, content in files or [("", b"")]]
    headers = {"sec-fetch-site": "same-origin"}
    return await browser.post(
        address, data=fields, files=photos, headers=headers, follow_redirects=True
    )
