"""Which accounts used which layers of the staff, and what they asked of them."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import text

from open311.accounts import Account
from open311.db import Database

_LONGEST = 2000
_RECORD = text("""
insert into layer_use (jurisdiction_id, account_id, layer, asked)
values (:jurisdiction_id, :account_id, :layer, :asked)
""")
_LIST = text("""
select u.at, a.name, u.layer, u.asked
from layer_use u join account a using (account_id)
where u.jurisdiction_id = :jurisdiction_id and u.at > now() - make_interval(days => :days)
order by u.at, u.id
""")


class LayerUse(Struct, frozen=True):
    """That an account asked a layer for something."""

    at: datetime
    account: str
    layer: str
    asked: str


async def record(db: Database, jurisdiction_id: str, account: Account, layer: str) -> None:
    """Write that an account uses a layer: before it is read, or it is not read."""
    names = {"jurisdiction_id": jurisdiction_id, "account_id": account.account_id, "layer": layer}
    async with db.begin(jurisdiction_id) as connection:
        await connection.execute(_RECORD, names | {"asked": account.call[:_LONGEST]})


async def list_uses(db: Database, jurisdiction_id: str, days: int) -> list[LayerUse]:
    """The uses of the last so many days, oldest first."""
    names = {"jurisdiction_id": jurisdiction_id, "days": days}
    async with db.begin(jurisdiction_id) as connection:
        return [LayerUse(*row) for row in await connection.execute(_LIST, names)]
