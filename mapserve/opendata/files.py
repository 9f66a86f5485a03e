"""The files of last night: where each lies in the store, since when, and how to tell it apart."""

from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_COLUMNS = "layer, extension, object_key, size, sha256, written_at"
_LIST = text(f"""
select {_COLUMNS} from open_data_file where jurisdiction_id = :jurisdiction_id
order by layer, extension
""")  # noqa: S608
_FIND = text(f"""
select {_COLUMNS} from open_data_file
where jurisdiction_id = :jurisdiction_id and layer = :layer and extension = :extension
""")  # noqa: S608
_REPLACE = text("""
insert into open_data_file (jurisdiction_id, layer, extension, object_key, size, sha256)
values (:jurisdiction_id, :layer, :extension, :object_key, :size, :sha256)
on conflict (jurisdiction_id, layer, extension) do update
set object_key = excluded.object_key, size = excluded.size, sha256 = excluded.sha256,
    written_at = now()
""")
_FORGET = text("""
delete from open_data_file
where jurisdiction_id = :jurisdiction_id and layer <> all(:layers)
returning object_key
""")


class OpenFile(Struct, frozen=True):
    """A file, whole in the store under its key."""

    layer: str
    extension: str
    object_key: str
    size: int
    sha256: str
    written_at: datetime

    @property
    def name(self) -> str:
        """As its address ends: `requests.gpkg`."""
        return f"{self.layer}.{self.extension}"

    @property
    def etag(self) -> str:
        """Two files with the same one have the same bytes."""
        return f'"{self.sha256[:32]}"'


async def list_all(connection: AsyncConnection, jurisdiction_id: str) -> list[OpenFile]:
    """A city's files, by layer and format."""
    rows = await connection.execute(_LIST, {"jurisdiction_id": jurisdiction_id})
    return [msgspec.convert(dict(row), OpenFile) for row in rows.mappings()]


async def find(
    connection: AsyncConnection, jurisdiction_id: str, layer: str, extension: str
) -> OpenFile | None:
    """The file of a layer in a format."""
    names = {"jurisdiction_id": jurisdiction_id, "layer": layer, "extension": extension}
    row = (await connection.execute(_FIND, names)).mappings().one_or_none()
    return None if row is None else msgspec.convert(dict(row), OpenFile)


async def replace(
    connection: AsyncConnection,
    jurisdiction_id: str,
    name: tuple[str, str],
    object_key: str,
    size: int,
    sha256: str,
) -> None:
    """From now on this object is the file of a layer and format."""
    layer, extension = name
    names = {"jurisdiction_id": jurisdiction_id, "layer": layer, "extension": extension}
    row = {"object_key": object_key, "size": size, "sha256": sha256}
    await connection.execute(_REPLACE, names | row)


async def forget_others(
    connection: AsyncConnection, jurisdiction_id: str, layers: list[str]
) -> list[str]:
    """Forget the files of all layers but these; the keys of their objects."""
    names = {"jurisdiction_id": jurisdiction_id, "layers": layers}
    return list((await connection.execute(_FORGET, names)).scalars())
