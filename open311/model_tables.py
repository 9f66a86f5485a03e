"""Tables of the language model: what it translated, what it answered, how often it was asked."""

from sqlalchemy import CheckConstraint, Column, Date, Integer, LargeBinary, Table, Text

from open311.schema import instant, metadata, tenant, within

translation = Table(
    "translation",
    metadata,
    tenant(),
    Column("service_request_id", Text, primary_key=True),
    Column("language", Text, nullable=False, comment="what it was translated into"),
    Column("text", Text, nullable=False),
    instant("created_at", now=True),
    within("service_request", "service_request_id", "service_request_id"),
    comment="descriptions in the language of the staff, beside the originals",
)

model_answer = Table(
    "model_answer",
    metadata,
    tenant(),
    Column("digest", LargeBinary, primary_key=True, comment="SHA-256 of the masked question"),
    Column("answer", Text, nullable=False),
    instant("kept_until"),
)

model_use = Table(
    "model_use",
    metadata,
    tenant(),
    Column("day", Date, primary_key=True, comment="in UTC"),
    Column("calls", Integer, nullable=False),
    CheckConstraint("calls > 0", name="calls"),
)
