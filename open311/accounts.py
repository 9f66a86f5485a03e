"""Who of the staff is calling, by HTTP Basic or a token, and what they may do where."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any
from urllib.parse import quote
from weakref import WeakKeyDictionary

import msgspec
from litestar import Request
from litestar.di import NamedDependency
from litestar.types import HTTPScope
from msgspec import Struct
from prometheus_client import Counter
from sqlalchemy import text

from open311 import access_tokens, passwords, rates
from open311.context import Context
from open311.db import Database
from open311.errors import Busy, Forbidden, Problem, TooMany, Unauthorized
from open311.rates import Address, Window

REMEMBERED_SECONDS = 10.0
"""How long a login holds without a look into the database: for so long a disabled one still works.

QGIS sends a hundred calls for one picture, and to check one password takes 50 ms.
"""

_AT_ONCE, _WAITING = 2, 100
_MOST_REMEMBERED = 10_000
_READING = ("GET", "HEAD", "OPTIONS")
_WRONG = "The account, or its password or token, is wrong."
_LOGINS = Counter("open311_logins_total", "Logins that were checked, by how they ended", ["end"])
_FIND = text("select account_id, name, password_hash, state from account where name = :name")
_ROLES = text("select jurisdiction_id, role from account_roles(:account_id)")


class Role(StrEnum):
    """What somebody does for a municipality; one may have several roles."""

    FIELD = "field"
    """Does the work outside."""
    MANAGER = "manager"
    """Assigns requests and moves them."""
    ANALYST = "analyst"
    """Makes maps, and publishes layers."""
    ADMIN = "admin"
    """May all that the others may."""


class Account(Struct, frozen=True):
    """Somebody who has logged in, with their roles by jurisdiction."""

    account_id: str
    name: str
    roles: Mapping[str, frozenset[Role]]
    call: str = ""
    """What they are asking now: method, path and query."""

    @property
    def actor(self) -> str:
        """How the event log names them: without their name, which is personal."""
        return f"account:{self.account_id}"

    def may(self, jurisdiction_id: str, *roles: Role) -> bool:
        """Whether they have one of these roles there, or are its administrator."""
        held = self.roles.get(jurisdiction_id, frozenset())
        return Role.ADMIN in held or not held.isdisjoint(roles)


class _Credentials(Struct, frozen=True):
    """A name, empty with a token alone, and a password or token."""

    name: str
    secret: str
    is_basic: bool


class _Door:
    """The logins of one process.

    A class: those under way or still remembered, by a keyed digest of what was sent, and how many
    failed while Redis was away.
    """

    def __init__(self) -> None:
        self.key = secrets.token_bytes(32)
        self.free = asyncio.Semaphore(_AT_ONCE)
        self.waiting = 0
        self.logins: dict[bytes, tuple[float, asyncio.Task[Account]]] = {}
        self.failures = Window()


_doors: WeakKeyDictionary[Database, _Door] = WeakKeyDictionary()


async def identify(
    request: Request[Any, Any, Any], context: NamedDependency[Context]
) -> Account | None:
    """The account whose credentials a call brings; None when it brings none.

    Raises Unauthorized when they are wrong, TooMany after too many such, Busy, and Forbidden when a
    page of somebody else's has a browser change something by the login that it remembers.
    """
    header = request.headers.get("authorization")
    if header is None:
        return None
    credentials = _read(header)
    if credentials.is_basic and request.method not in _READING:
        _refuse_pages_elsewhere(request)
    door = _doors.setdefault(context.db, _Door())
    digest = hmac.digest(door.key, header.encode(), hashlib.sha256)
    until, login = door.logins.get(digest, (0.0, None))
    if login is None or until < time.monotonic():
        address = rates.address(request.scope, context.settings)
        login = asyncio.create_task(_log_in(context, door, credentials, address))
        _remember(door, digest, login)
    # who shares a login goes on when the one who began it has gone away
    account = await asyncio.shield(login)
    return msgspec.structs.replace(account, call=_call(request.scope))


def require(account: Account | None, jurisdiction_id: str, *roles: Role) -> Account:
    """The account, if it has one of the roles. Raises Unauthorized without one, and Forbidden."""
    if account is None:
        raise Unauthorized("This needs an account: a name and a password, or a token.")
    if not account.may(jurisdiction_id, *roles):
        needed = " or ".join(roles)
        raise Forbidden(f"This needs the role {needed} in {jurisdiction_id}.")
    return account


def _call(scope: HTTPScope) -> str:
    query = scope["query_string"].decode("latin-1")
    return f"{scope['method']} {quote(scope['path'])}" + (f"?{query}" if query else "")


def _read(header: str) -> _Credentials:
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return _Credentials("", rest.strip(), is_basic=False)
    if scheme.lower() != "basic":
        raise Unauthorized("Authorization must be Basic or Bearer.")
    try:
        name, colon, secret = base64.b64decode(rest, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon or "\0" in name:
        raise Unauthorized("Authorization cannot be read: Basic is base64 of name:password.")
    return _Credentials(name.strip().lower(), secret, is_basic=True)


def _refuse_pages_elsewhere(request: Request[Any, Any, Any]) -> None:
    """Browsers send Basic credentials that they remember whichever page makes the call."""
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise Forbidden("A page elsewhere cannot use a browser's login: it needs a token.")


def _remember(door: _Door, digest: bytes, login: asyncio.Task[Account]) -> None:
    """Keep a login while it is under way, and a moment longer if it was right."""
    now = time.monotonic()
    if len(door.logins) >= _MOST_REMEMBERED:
        door.logins = {key: kept for key, kept in door.logins.items() if kept[0] > now}
    door.logins[digest] = now + REMEMBERED_SECONDS, login

    def forget(done: asyncio.Task[Account]) -> None:
        if done.cancelled() or done.exception() is not None:
            door.logins.pop(digest, None)

    login.add_done_callback(forget)


async def _log_in(
    context: Context, door: _Door, credentials: _Credentials, address: Address
) -> Account:
    """Check credentials; each failure counts for its address, and a wrong password for its name."""
    redis, settings = context.redis, context.settings
    limits = {} if address.exempt else {f"{address.bucket}:logins": settings.rate_logins}
    if credentials.name and not access_tokens.is_one(credentials.secret):
        named = hashlib.sha256(credentials.name.encode()).hexdigest()
        limits[f"account:{named}"] = settings.rate_logins_account
    with _counted():
        for bucket, limit in limits.items():
            await rates.spend(redis, settings, bucket, limit, meanwhile=door.failures)
        account = await _check(context.db, door, credentials)
    await rates.give_back(redis, settings, list(limits), door.failures)
    return account


@contextmanager
def _counted() -> Iterator[None]:
    """Count a login, by how it ends."""
    try:
        yield
    except Problem as problem:
        ends = {Unauthorized: "wrong", TooMany: "limited"}
        _LOGINS.labels(ends.get(type(problem), "failed")).inc()
        raise
    _LOGINS.labels("right").inc()


async def _check(db: Database, door: _Door, credentials: _Credentials) -> Account:
    if access_tokens.is_one(credentials.secret):
        found = await access_tokens.use(db, credentials.secret)
        if found is None or credentials.name not in ("", found[1]):
            raise Unauthorized(_WRONG)
        return await _account(db, *found)
    async with db.shared() as connection:
        row = (await connection.execute(_FIND, {"name": credentials.name})).one_or_none()
    stored = row.password_hash if row is not None and row.state == "active" else None
    if not await _is_right(door, credentials.secret, stored) or row is None:
        raise Unauthorized(_WRONG)
    return await _account(db, row.account_id, row.name)


async def _is_right(door: _Door, password: str, stored: str | None) -> bool:
    """A few at a time: each takes a core and 64 MiB."""
    if door.waiting >= _WAITING:
        raise Busy("Too many people are logging in. Try again in a moment.")
    door.waiting += 1
    try:
        async with door.free:
            return await passwords.is_right(password, stored)
    finally:
        door.waiting -= 1


async def _account(db: Database, account_id: str, name: str) -> Account:
    async with db.shared() as connection:
        rows = (await connection.execute(_ROLES, {"account_id": account_id})).all()
    held: dict[str, set[Role]] = {}
    for jurisdiction_id, role in rows:
        held.setdefault(jurisdiction_id, set()).add(Role(role))
    return Account(account_id, name, {city: frozenset(roles) for city, roles in held.items()})
