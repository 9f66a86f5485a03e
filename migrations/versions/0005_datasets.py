"""Datasets that analysts publish as layers, and their features."""

from pathlib import Path

from migrations.tenancy import protect, publish, run

revision = "0005"
down_revision = "0004"

_DATASET = (
    *("jurisdiction_id", "dataset", "title", "description", "attribution", "geometry_type"),
    *("fields", "features", "bounds", "min_zoom", "published", "updated_at"),
)
_FEATURE = ("jurisdiction_id", "dataset", "feature_id", "geom", "properties", "place", "size")


def upgrade() -> None:
    """Create them; maps see what is published."""
    run(Path(__file__).with_suffix(".sql").read_text())
    protect("dataset")
    protect("feature")
    publish("dataset", _DATASET, "published")
    # not correlated, so that it is asked once for a query and not for each feature
    publish(
        "feature",
        _FEATURE,
        "(jurisdiction_id, dataset) in "
        "(select d.jurisdiction_id, d.dataset from dataset d where d.published)",
    )


def downgrade() -> None:
    """Drop them."""
    run("drop table feature; drop table dataset;")
