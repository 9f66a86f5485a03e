"""`open311 account …`: who of the staff may log in, what they may do, and what they did."""

import sys

import click

from open311 import access_tokens, audit, staff
from open311.access_tokens import AccessToken
from open311.accounts import Role
from open311.audit import LayerUse
from open311.commands.installation import ACTOR, Installation, of_jurisdiction, work_in, work_on
from open311.db import Database
from open311.settings import Settings
from open311.staff import Member

_ROLES = click.Choice([role.value for role in Role])
_NAME = click.argument("name")
_ROLE = click.argument("role", type=_ROLES)


@click.group()
def account() -> None:
    """Accounts of the staff, with roles in each municipality.

    Roles: field (does the work outside), manager (assigns and moves requests), analyst (makes maps,
    publishes layers), admin (all of it).
    """


@account.command("create")
@_NAME
@click.option("--jurisdiction", "named", help="Where to give it a role at once.")
@click.option("--role", type=_ROLES, help="Which one.")
@click.option("--no-password", is_flag=True, help="For programs, which have tokens.")
@click.pass_obj
def create_account(
    installation: Installation, name: str, named: str | None, role: str | None, no_password: bool
) -> None:
    """Make an account. Its password is asked for, or read from standard input."""
    if (named is None) != (role is None):
        raise click.UsageError("--jurisdiction and --role go together.")
    password = None if no_password else _read_password()

    async def work(_: Settings, db: Database) -> Member:
        return await staff.create(db, name, password)

    made = work_on(installation, work)
    if named and role:
        _grant(installation, named, made.name, role)
    click.echo(f"{made.name} is account {made.account_id}")


def _read_password() -> str:
    if sys.stdin.isatty():
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return password
    return sys.stdin.readline().rstrip("\n")


@account.command("list")
@click.pass_obj
def list_accounts(installation: Installation) -> None:
    """List accounts: name, state, roles in each jurisdiction."""

    async def work(_: Settings, db: Database) -> list[tuple[Member, list[tuple[str, str]]]]:
        return [(each, await staff.roles(db, each.account_id)) for each in await staff.list_all(db)]

    for each, roles in work_on(installation, work):
        told = ",".join(f"{role}@{jurisdiction_id}" for jurisdiction_id, role in roles)
        click.echo("\t".join((each.name, each.state, told)))


@account.command("disable")
@_NAME
@click.pass_obj
def disable_account(installation: Installation, name: str) -> None:
    """Let it in no longer, nor its tokens."""
    _move(installation, name, "disabled")


@account.command("enable")
@_NAME
@click.pass_obj
def enable_account(installation: Installation, name: str) -> None:
    """Let it in again."""
    _move(installation, name, "active")


def _move(installation: Installation, name: str, state: str) -> None:
    async def work(_: Settings, db: Database) -> None:
        await staff.set_state(db, name, state, ACTOR)

    work_on(installation, work)
    click.echo(f"{name} is {state}")


@account.command("password")
@_NAME
@click.pass_obj
def set_password(installation: Installation, name: str) -> None:
    """Give it another password, asked for or read from standard input."""
    password = _read_password()

    async def work(_: Settings, db: Database) -> None:
        await staff.set_password(db, name, password, ACTOR)

    work_on(installation, work)


@account.command("grant")
@_NAME
@_ROLE
@of_jurisdiction
@click.pass_obj
def grant_role(installation: Installation, named: str, name: str, role: str) -> None:
    """Give it a role."""
    _grant(installation, named, name, role)


def _grant(installation: Installation, named: str, name: str, role: str) -> None:
    async def work(_: Settings, db: Database, jurisdiction_id: str) -> None:
        await staff.grant(db, jurisdiction_id, name, role, ACTOR)

    work_in(installation, named, work)


@account.command("revoke")
@_NAME
@_ROLE
@of_jurisdiction
@click.pass_obj
def revoke_role(installation: Installation, named: str, name: str, role: str) -> None:
    """Take a role away."""

    async def work(_: Settings, db: Database, jurisdiction_id: str) -> None:
        await staff.revoke(db, jurisdiction_id, name, role, ACTOR)

    work_in(installation, named, work)


@account.group()
def token() -> None:
    """What programs show in place of a password; only digests are kept."""


@token.command("create")
@_NAME
@click.option("--label", required=True, help="Where it will be used.")
@click.option("--days", type=click.IntRange(1), default=365, show_default=True, help="It works.")
@click.pass_obj
def create_token(installation: Installation, name: str, label: str, days: int) -> None:
    """Make a token, and print it: it is not shown again."""

    async def work(_: Settings, db: Database) -> str:
        return await access_tokens.create(db, name, label, days, ACTOR)

    click.echo(work_on(installation, work))


@token.command("list")
@_NAME
@click.pass_obj
def list_tokens(installation: Installation, name: str) -> None:
    """List them: id, whether it works, last day, last use, label."""

    async def work(_: Settings, db: Database) -> list[AccessToken]:
        return await access_tokens.list_all(db, name)

    for each in work_on(installation, work):
        state = "revoked" if each.revoked_at else "active"
        last = f"{each.last_used_at:%Y-%m-%d %H:%M}" if each.last_used_at else "never used"
        until = f"{each.expires_at:%Y-%m-%d}" if each.expires_at else "no end"
        click.echo("\t".join((each.token_id, state, until, last, each.name)))


@token.command("revoke")
@click.argument("token_id")
@click.pass_obj
def revoke_token(installation: Installation, token_id: str) -> None:
    """Stop one from working."""

    async def work(_: Settings, db: Database) -> None:
        await access_tokens.revoke(db, token_id, ACTOR)

    work_on(installation, work)
    click.echo(f"{token_id} is revoked")


@account.command("uses")
@of_jurisdiction
@click.option("--days", type=click.IntRange(1), default=30, show_default=True, help="Until now.")
@click.pass_obj
def list_uses(installation: Installation, named: str, days: int) -> None:
    """List who used layers of the staff: when, account, layer, call."""

    async def work(_: Settings, db: Database, jurisdiction_id: str) -> list[LayerUse]:
        return await audit.list_uses(db, jurisdiction_id, days)

    for each in work_in(installation, named, work):
        when = f"{each.at:%Y-%m-%dT%H:%M:%SZ}"
        click.echo("\t".join((when, each.account, each.layer, each.asked)))
