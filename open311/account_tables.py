"""The tables of accounts: they are the installation's, their roles a jurisdiction's."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from open311.schema import instant, metadata, tenant

account = Table(
    "account",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("password_hash", Text, comment="argon2id; null of one that only has tokens"),
    Column("state", Text, nullable=False, server_default="active"),
    instant("created_at", now=True),
    UniqueConstraint("name"),
    CheckConstraint("state in ('active', 'disabled')", name="state"),
)

access_token = Table(
    "access_token",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("account.account_id"), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    instant("created_at", now=True),
    instant("expires_at", null=True),
    instant("last_used_at", null=True),
    instant("revoked_at", null=True),
    UniqueConstraint("digest"),
    Index(None, "account_id"),
)

membership = Table(
    "membership",
    metadata,
    tenant(),
    Column("account_id", Text, ForeignKey("account.account_id"), primary_key=True),
    Column("role", Text, primary_key=True),
    instant("created_at", now=True),
    CheckConstraint("role in ('field', 'manager', 'analyst', 'admin')", name="role"),
    Index(None, "account_id"),
)

layer_use = Table(
    "layer_use",
    metadata,
    tenant(),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    instant("at", now=True),
    Column("account_id", Text, ForeignKey("account.account_id"), nullable=False),
    Column("layer", Text, nullable=False),
    Column("asked", Text, nullable=False, comment="method, path and query of the call"),
    Index(None, "jurisdiction_id", "at"),
)
