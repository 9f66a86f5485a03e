"""The tables of messages: what came, what was said, and what is being talked about."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    text,
)

from open311.schema import instant, metadata, tenant, within

conversation = Table(
    "conversation",
    metadata,
    tenant(),
    Column(
        "conversation_id",
        Text,
        primary_key=True,
        comment="a keyed hash of the channel and both numbers",
    ),
    Column("channel", Text, nullable=False),
    Column("reporter_id", Text),
    Column(
        "sealed",
        LargeBinary,
        comment="where the conversation stands, encrypted; null once erased",
    ),
    instant("stopped_at", null=True),
    instant("heard_at", now=True),
    instant("paced_until", now=True),
    instant("sending_until", null=True),
    instant("errand_until", null=True),
    within("reporter", "reporter_id", "reporter_id"),
    Index(None, "jurisdiction_id", "reporter_id"),
)

inbox = Table(
    "inbox",
    metadata,
    tenant(),
    Column(
        "message_id",
        Text,
        primary_key=True,
        comment="the provider's: it names a message however often it comes",
    ),
    Column("number", BigInteger, Identity(always=True), nullable=False),
    Column("channel", Text, nullable=False),
    Column("conversation_id", Text, nullable=False),
    Column("sealed", LargeBinary, comment="the message as it came, encrypted; null once erased"),
    instant("received_at", now=True),
    instant("handled_at", null=True),
    Index(
        "inbox_waiting_idx",
        *("jurisdiction_id", "conversation_id", "number"),
        postgresql_where=text("handled_at is null"),
    ),
    Index(None, "jurisdiction_id", "conversation_id"),
)

outbound = Table(
    "outbound",
    metadata,
    tenant(),
    Column(
        "outbound_id",
        Text,
        primary_key=True,
        comment="what is said for one reason has one id, so it is said once",
    ),
    Column("number", BigInteger, Identity(always=True), nullable=False),
    Column("conversation_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("sealed", LargeBinary, comment="the message, encrypted; null once erased"),
    Column(
        "service_request_id",
        Text,
        comment="the request that it speaks of: an answer to it continues that one",
    ),
    Column(
        "state",
        Text,
        nullable=False,
        server_default="waiting",
        comment="held: until the citizen writes again; "
        "trying: whether the provider has it is not known",
    ),
    Column("provider_id", Text),
    Column("error", Text),
    instant("created_at", now=True),
    instant("sent_at", null=True),
    within("conversation", "conversation_id", "conversation_id"),
    CheckConstraint(
        "state in ('waiting', 'held', 'trying', 'sent', 'delivered', 'read', 'failed')",
        name="state",
    ),
    Index(
        "outbound_waiting_idx",
        *("jurisdiction_id", "conversation_id", "number"),
        postgresql_where=text("state in ('waiting', 'held', 'trying')"),
    ),
    Index(None, "jurisdiction_id", "conversation_id"),
    Index(None, "jurisdiction_id", "provider_id"),
)

subscription = Table(
    "subscription",
    metadata,
    tenant(),
    Column("service_request_id", Text, primary_key=True),
    Column(
        "home",
        Text,
        primary_key=True,
        comment="the jurisdiction that the conversation is kept in",
    ),
    Column("conversation_id", Text, primary_key=True),
    instant("created_at", now=True),
    within("service_request", "service_request_id", "service_request_id"),
)
