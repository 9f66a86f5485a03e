"""What kind of request a message reports."""

from ingest.category.classification import Answer, Guess, classify, decide

__all__ = ["Answer", "Guess", "classify", "decide"]
