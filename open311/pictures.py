"""Photos made safe: decoded, shrunk, turned upright and encoded anew, without what they carried.

Encoding anew is what removes GPS positions, comments, and whatever hides behind a picture.
"""

import asyncio
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct
from PIL import Image, ImageCms, ImageOps

from open311.errors import BadInput, Problem
from open311.settings import Settings

_READ = ("JPEG", "PNG", "WEBP", "GIF")
_QUALITY = 85
# A drawing with transparent parts stays one; beyond this it is a photo, and becomes a JPEG.
_LARGEST_PNG = 1_000_000
# Pillow only warns of a picture of up to twice its limit. Ours is checked as soon as the header is
# read, before there are pixels, and without warning filters, which threads would share.
Image.MAX_IMAGE_PIXELS = None
# Decoding takes up to eight bytes a pixel: so many photos at a time, and no more.
_DECODERS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="pictures")


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
    loop = asyncio.get_running_loop()
    return [await loop.run_in_executor(_DECODERS, clean, each, settings) for each in uploads]


def clean(upload: Upload, settings: Settings) -> Picture:
    """Decode the first frame and encode it anew, as JPEG, or PNG for a transparent drawing.

    Raises BadInput with a sentence for people when it is no picture, broken, or too large.
    """
    name = repr(upload.filename[:80])
    try:
        with Image.open(io.BytesIO(upload.content), formats=_READ) as image:
            if image.width * image.height > settings.max_image_pixels:
                millions = settings.max_image_pixels / 1_000_000
                raise BadInput(f"{name} has more than {millions:g} million pixels.")
            return _encode(_redraw(image, settings.max_media_side), settings.thumbnail_side)
    except Problem:
        raise
    except Exception as error:  # decoders raise anything at bytes that somebody made up
        raise BadInput(
            f"{name} is not a picture that can be read (JPEG, PNG, WebP or GIF)."
        ) from error


def _redraw(image: Image.Image, side: int) -> Image.Image:
    """The pixels alone: upright, in sRGB, with an alpha channel only where something shows through.

    Shrunk first, so the largest picture is not copied.
    """
    image.draft("RGB", (side * 2, side * 2))
    image.load()  # here, where a broken picture is refused
    mode = "RGBA" if image.has_transparency_data else "RGB"
    plain = image if image.mode == mode else image.convert(mode)
    plain.thumbnail((side, side))
    seen = _in_srgb(_upright(plain))
    if mode == "RGBA" and seen.getchannel("A").getextrema() == (255, 255):
        mode, seen = "RGB", seen.convert("RGB")
    # a new image: Pillow carries a JPEG's comment over into the next JPEG
    bare = Image.new(mode, seen.size)
    bare.paste(seen)
    return bare


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF says; EXIF that cannot be read does not spoil the picture."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        return image


def _in_srgb(image: Image.Image) -> Image.Image:
    """The colours as the web has them: phones take photos in wider profiles (Display P3)."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, own, srgb, outputMode=image.mode) or image
    except (ImageCms.PyCMSError, OSError):  # of another kind of colours, or broken
        return image


def _encode(image: Image.Image, thumbnail_side: int) -> Picture:
    kind, content = "PNG", b""
    if image.mode == "RGBA":
        content = _save(image, "PNG")
    if not 0 < len(content) <= _LARGEST_PNG:
        kind, image = "JPEG", _on_white(image)
        content = _save(image, "JPEG")
    small = image.copy()
    small.thumbnail((thumbnail_side, thumbnail_side))
    return Picture(content, _save(small, kind), f"image/{kind.lower()}", *image.size)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image)
    return white


def _save(image: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, quality=_QUALITY, optimize=kind == "JPEG")
    return out.getvalue()
