"""Pixels as PNG, JPEG and WebP: small, and quickly.

Pillow's own PNG takes ten times as long: what takes the time is its compression at the usual level.
"""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
"""Rows of pixels: red, green, blue and opacity; colours are multiplied by the opacity."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TRUECOLOUR_ALPHA, _PALETTE = 6, 3
_UP = 2
_COLOURS = 256
_QUALITY = 85


def encode(pixels: Pixels, media_type: str) -> bytes:
    """A picture in one of FORMATS."""
    return FORMATS[media_type](plain(pixels))


def plain(pixels: Pixels) -> Pixels:
    """Colours as files have them, not multiplied by the opacity."""
    alpha = pixels[..., 3:].astype(np.uint16)
    partly = (alpha > 0) & (alpha < 255)
    if not partly.any():
        return pixels
    colours = np.minimum(
        255, (pixels[..., :3].astype(np.uint16) * 255 + alpha // 2) // np.maximum(alpha, 1)
    )
    made = pixels.copy()
    made[..., :3] = np.where(partly, colours, pixels[..., :3]).astype(np.uint8)
    return made


def _png8(pixels: Pixels) -> bytes:
    """In 256 colours at most: a third as large, and pale colours are not told apart."""
    height, width, _ = pixels.shape
    quantized = Image.fromarray(pixels, "RGBA").quantize(_COLOURS, Image.Quantize.FASTOCTREE)
    palette = np.array(quantized.getpalette("RGBA"), np.uint8).reshape(-1, 4)
    rows = np.zeros((height, width + 1), np.uint8)
    rows[:, 1:] = np.asarray(quantized)
    return _file(
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, _PALETTE, 0, 0, 0)),
        (b"PLTE", palette[:, :3].tobytes()),
        (b"tRNS", palette[:, 3].tobytes()),
        (b"IDAT", isal_zlib.compress(rows.tobytes(), 1)),
    )


def _png(pixels: Pixels) -> bytes:
    """In all its colours; a row is told by what differs from the one above."""
    height, width, _ = pixels.shape
    flat = pixels.reshape(height, width * 4)
    rows = np.empty((height, width * 4 + 1), np.uint8)
    rows[:, 0] = _UP
    rows[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])
    return _file(
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, _TRUECOLOUR_ALPHA, 0, 0, 0)),
        (b"IDAT", isal_zlib.compress(rows.tobytes(), 1)),
    )


def _file(*chunks: tuple[bytes, bytes]) -> bytes:
    parts = [_SIGNATURE]
    for name, body in (*chunks, (b"IEND", b"")):
        parts.append(struct.pack(">I", len(body)) + name + body)
        parts.append(struct.pack(">I", zlib.crc32(name + body)))
    return b"".join(parts)


def _jpeg(pixels: Pixels) -> bytes:
    """On white: it knows no opacity."""
    made = Image.new("RGB", (pixels.shape[1], pixels.shape[0]), "white")
    picture = Image.fromarray(pixels, "RGBA")
    made.paste(picture, mask=picture)
    return _saved(made, "JPEG")


def _webp(pixels: Pixels) -> bytes:
    return _saved(Image.fromarray(pixels, "RGBA"), "WEBP")


def _saved(made: Image.Image, name: str) -> bytes:
    content = io.BytesIO()
    made.save(content, name, quality=_QUALITY)
    return content.getvalue()


FORMATS: dict[str, Callable[[Pixels], bytes]] = {
    "image/png": _png,
    "image/png8": _png8,
    "image/jpeg": _jpeg,
    "image/webp": _webp,
}
"""The formats of pictures, by media type."""
