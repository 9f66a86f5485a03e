"""What those who administer layers are told of them."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from mapserve.admin.uploads import Upload
from mapserve.datasets import Dataset, Field


class Link(Struct, frozen=True):
    """An address, and what it is of the document."""

    href: str
    rel: str


class PublishedLayer(Struct, frozen=True):
    """A layer that the municipality published."""

    name: str
    title: str
    description: str
    keywords: list[str]
    attribution: str
    licence: str
    access: str
    geometry_type: str
    features: int
    fields: list[Field]
    bounds: tuple[float, ...]
    updated_at: datetime
    links: list[Link]
    style: list[dict[str, Any]] | UnsetType = UNSET


class Told(Upload, frozen=True):
    """An upload, with the addresses of itself and its layer."""

    links: tuple[Link, ...] = ()


def layer(dataset: Dataset, root: str) -> PublishedLayer:
    """The document of a layer; `root` is the address of the city's maps."""
    here = f"{root}/admin/layers/{dataset.dataset}"
    links = [Link(here, "self")]
    if dataset.access != "nobody":
        links.append(Link(f"{root}/collections/{dataset.dataset}", "collection"))
    return PublishedLayer(
        name=dataset.dataset,
        title=dataset.title,
        description=dataset.description,
        keywords=dataset.keywords,
        attribution=dataset.attribution,
        licence=dataset.licence,
        access=dataset.access,
        geometry_type=dataset.geometry_type,
        features=dataset.features,
        fields=dataset.fields,
        bounds=dataset.bounds,
        updated_at=dataset.updated_at,
        links=links,
        style=UNSET if dataset.style is None else dataset.style,
    )


def upload(found: Upload, root: str) -> Told:
    """The document of an upload."""
    links = (
        Link(f"{root}/admin/uploads/{found.upload_id}", "self"),
        Link(f"{root}/admin/layers/{found.dataset}", "layer"),
    )
    return Told(**{name: getattr(found, name) for name in Upload.__struct_fields__}, links=links)
