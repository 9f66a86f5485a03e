"""Photos made safe: decoded, turned upright, shrunk and encoded anew, without what they carried.

Encoding anew is what removes GPS positions, comments, and whatever hides behind a picture.
"""

import asyncio
import io
import warnings
from collections.abc import Sequence

from msgspec import Struct
from PIL import Image, ImageOps, UnidentifiedImageError

from open311.errors import BadInput
from open311.settings import Settings

_READ = ("JPEG", "PNG", "WEBP", "GIF", "MPO")
_QUALITY = 85


class Upload(Struct, frozen=True):
    """A file as it came; neither its name nor its declared type is believed."""

    filename: str
    content: bytes


class Picture(Struct, frozen=True):
    """A photo that is safe to show, and its thumbnail; both are of `content_type`."""

    content: bytes
    thumbnail: bytes
    content_type: str
    width: int
    height: int


async def prepare(uploads: Sequence[Upload], settings: Settings) -> list[Picture]:
    """Clean every upload, off the event loop. Raises BadInput for too many or an unreadable one."""
    if len(uploads) > settings.max_media_files:
        raise BadInput(f"More than {settings.max_media_files} photos.")
    return [await asyncio.to_thread(clean, upload, settings) for upload in uploads]


def clean(upload: Upload, settings: Settings) -> Picture:
    """Decode and encode anew. Raises BadInput with a sentence for people."""
    try:
        with warnings.catch_warnings():
            # Pillow only warns of a picture of up to twice its limit
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(upload.content), formats=_READ) as image:
                return _encode(_upright(image, settings, upload), settings)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise BadInput(
            f"{upload.filename[:80]!r} is not a picture that can be read "
            "(JPEG, PNG, WebP or GIF)."
        ) from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _too_large(upload, settings) from error


def _upright(image: Image.Image, settings: Settings, upload: Upload) -> Image.Image:
    """The first frame, turned as its EXIF says, in plain RGB, or RGBA where it is transparent."""
    if image.width * image.height > settings.max_image_pixels:
        raise _too_large(upload, settings)
    image.draft("RGB", (settings.max_media_side * 2, settings.max_media_side * 2))
    turned = ImageOps.exif_transpose(image)
    plain = turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    plain.thumbnail((settings.max_media_side, settings.max_media_side))
    return plain


def _encode(image: Image.Image, settings: Settings) -> Picture:
    kind = "PNG" if image.mode == "RGBA" else "JPEG"
    # a new image: Pillow carries a JPEG's comment over into the next JPEG
    bare = Image.new(image.mode, image.size)
    bare.paste(image)
    small = bare.copy()
    small.thumbnail((settings.thumbnail_side, settings.thumbnail_side))
    return Picture(_save(bare, kind), _save(small, kind), f"image/{kind.lower()}", *bare.size)


def _save(image: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, quality=_QUALITY, optimize=True)
    return out.getvalue()


def _too_large(upload: Upload, settings: Settings) -> BadInput:
    millions = settings.max_image_pixels // 1_000_000
    return BadInput(f"{upload.filename[:80]!r} has more than {millions} million pixels.")
