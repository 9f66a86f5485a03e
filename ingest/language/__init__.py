"""Which language a message is written in."""

from ingest.language.identification import OTHER, SURE, Identified, identify

__all__ = ["OTHER", "SURE", "Identified", "identify"]
