"""XML that somebody sent: no entities, nothing fetched, neither too long nor too deep."""

from typing import Any

from lxml import etree

from open311.errors import BadInput, TooLarge


def parse(text: bytes, most_bytes: int) -> Any:
    """The root element. Raises TooLarge, and BadInput that says where it cannot be read."""
    if len(text) > most_bytes:
        raise TooLarge(f"XML is at most {most_bytes} bytes here.")
    # the parser itself stops at 256 levels
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_pis=True,
        remove_comments=True,
    )
    try:
        root: Any = etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadInput(f"The XML cannot be read: {str(error)[:200]}.") from None
    if root.getroottree().docinfo.doctype:
        raise BadInput("XML may have no DOCTYPE here.")
    return root
