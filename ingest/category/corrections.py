"""What the staff of a city put right: reports to learn from."""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB

from ingest.category.services import Offer, stand_for
from ingest.category.training import Labelled
from open311.db import Database
from open311.errors import NotFound

_CORRECTED = text(Path(__file__).with_suffix(".sql").read_text())
_OFFERED = text("""
select service_code, service_name || ' ' || array_to_string(keywords, ' ') as words
from service where jurisdiction_id = :jurisdiction_id order by position, service_code
""")
_CHOSEN = text("""
select coalesce(settings -> 'categories', '{}') as chosen
from jurisdiction where jurisdiction_id = :jurisdiction_id
""").columns(chosen=JSONB)


async def read(db: Database, jurisdiction_id: str) -> list[Labelled]:
    """Requests whose service was changed after they were filed, labelled with what it is now.

    Those of services that are no category are left out, and those whose words were erased. Raises
    NotFound when there is no such jurisdiction.
    """
    names = {"jurisdiction_id": jurisdiction_id}
    async with db.begin(jurisdiction_id) as connection:
        chosen = (await connection.execute(_CHOSEN, names)).scalar_one_or_none()
        if chosen is None:
            raise NotFound(f"There is no jurisdiction {jurisdiction_id}.")
        offers = [Offer(*row) for row in await connection.execute(_OFFERED, names)]
        rows = (await connection.execute(_CORRECTED, names)).all()
    labels = _categories(offers, chosen)
    return [
        Labelled(row.description, labels[row.service_code], row.language)
        for row in rows
        if row.service_code in labels
    ]


def _categories(offers: list[Offer], chosen: Mapping[str, str]) -> dict[str, str]:
    """The category of each service; what the city chose goes before what names say."""
    found: dict[str, str] = {}
    for category, codes in stand_for(offers, chosen).items():
        for code in codes:
            if code not in found or category in chosen:
                found[code] = category
    return found
