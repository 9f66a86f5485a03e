"""Photos made safe: what comes out shows the same and carries nothing."""

import io
import zlib
from random import Random
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageDraw

from open311.errors import BadInput
from open311.pictures import Picture, Upload, clean, prepare
from open311.settings import Settings

SETTINGS = Settings()
SECRET = b"HIDDEN-IN-THE-FILE"
ORIENTATION, GPS, MAKER = 0x0112, 0x8825, 0x010F


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def cleaned(content: bytes, settings: Settings = SETTINGS) -> Picture:
    return clean(Upload("hole.jpg", content), settings)


def shown(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def colour(content: bytes, x: int, y: int) -> tuple[int, ...]:
    seen = shown(content).getpixel((x, y))
    assert isinstance(seen, tuple)
    return seen


def scene(width: int = 300, height: int = 200) -> Image.Image:
    """Red above, blue below, so that a turn shows."""
    image = Image.new("RGB", (width, height), "red")
    ImageDraw.Draw(image).rectangle((0, height // 2, width, height), fill="blue")
    return image


def telling_exif(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[MAKER] = SECRET.decode()
    exif.get_ifd(GPS).update({1: "S", 2: (33.0, 55.0, 12.0), 3: "E", 4: (18.0, 25.0, 30.0)})
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "MPO"])
def test_reads_what_phones_and_screens_make(kind: str) -> None:
    picture = cleaned(encoded(scene(), kind))
    assert picture.content_type == "image/jpeg"
    assert (picture.width, picture.height) == (300, 200) == shown(picture.content).size
    red, blue = (colour(picture.content, 150, y) for y in (20, 180))
    assert red[0] > 200 > 60 > red[2]
    assert blue[2] > 200 > 60 > blue[0]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_carries_nothing_over(kind: str) -> None:
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + SECRET + b"</x:xmpmeta>"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    options: dict[str, Any] = {"exif": telling_exif(), "xmp": xmp, "icc_profile": profile}
    if kind == "JPEG":
        options["comment"] = SECRET
    content = encoded(scene(), kind, **options)
    assert SECRET in content
    picture = cleaned(content)
    for made in (picture.content, picture.thumbnail):
        assert SECRET not in made
        assert not shown(made).getexif()
        assert not {"exif", "comment", "xmp", "icc_profile"} & set(shown(made).info)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_turns_upright_before_forgetting_how(kind: str) -> None:
    lying = scene().transpose(Image.Transpose.ROTATE_90)
    picture = cleaned(encoded(lying, kind, exif=telling_exif(orientation=6)))
    assert (picture.width, picture.height) == (300, 200)
    upper = colour(picture.content, 150, 20)
    assert upper[0] > 200 > 60 > upper[2]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF:UserWarning")
def test_a_picture_with_broken_exif_is_still_one() -> None:
    content = encoded(scene(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\xff\xff" + SECRET)
    assert SECRET not in cleaned(content).content


def test_shows_wide_colours_as_the_web_does() -> None:
    """A profile with red and blue swapped stands for a phone's own: what it means is kept."""
    srgb = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = srgb.index(b"rXYZ", 128), srgb.index(b"bXYZ", 128)
    srgb[red : red + 4], srgb[blue : blue + 4] = b"bXYZ", b"rXYZ"
    picture = cleaned(encoded(scene(), "PNG", icc_profile=bytes(srgb)))
    upper = colour(picture.content, 150, 20)
    assert upper[2] > 200 > 60 > upper[0]


def test_a_broken_profile_is_left_out() -> None:
    picture = cleaned(encoded(scene(), "JPEG", icc_profile=SECRET))
    assert SECRET not in picture.content


@pytest.mark.parametrize(("size", "stored"), [((4000, 1000), (1000, 250)), ((90, 60), (90, 60))])
def test_shrinks_what_is_large_and_enlarges_nothing(
    size: tuple[int, int], stored: tuple[int, int]
) -> None:
    picture = cleaned(encoded(scene(*size), "JPEG"), Settings(max_media_side=1000))
    assert (picture.width, picture.height) == stored
    assert max(shown(picture.thumbnail).size) == min(400, max(size))


def test_a_transparent_drawing_stays_one() -> None:
    drawing = Image.new("RGBA", (300, 200))
    ImageDraw.Draw(drawing).ellipse((50, 50, 150, 150), fill="green")
    picture = cleaned(encoded(drawing, "PNG"))
    assert picture.content_type == "image/png"
    assert colour(picture.content, 0, 0)[3] == 0
    assert shown(picture.thumbnail).format == "PNG"


def test_a_transparent_photo_is_put_on_white() -> None:
    photo = Image.merge("RGBA", [Image.effect_noise((900, 900), 90)] * 4)
    photo.paste((0, 0, 0, 0), (0, 0, 100, 100))
    picture = cleaned(encoded(photo, "PNG"))
    assert picture.content_type == "image/jpeg"
    assert min(colour(picture.content, 30, 30)) > 240


def test_an_alpha_channel_that_hides_nothing_is_dropped() -> None:
    opaque = scene()
    opaque.putalpha(255)
    assert cleaned(encoded(opaque, "PNG")).content_type == "image/jpeg"


def test_the_first_frame_of_an_animation_counts() -> None:
    moving = encoded(scene(), "GIF", save_all=True, append_images=[Image.new("RGB", (300, 200))])
    picture = cleaned(moving)
    assert getattr(shown(picture.content), "n_frames", 1) == 1
    assert colour(picture.content, 150, 20)[0] > 200


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF"])
def test_what_hides_behind_a_picture_is_gone(kind: str) -> None:
    """A file that is a picture and a page, script or archive at once."""
    content = encoded(scene(), kind) + b"<script>" + SECRET + b"</script>PK\x03\x04"
    picture = cleaned(content)
    assert SECRET not in picture.content
    assert not picture.content.endswith(b"PK\x03\x04")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8\xff",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!doctype html><script>alert(1)</script>",
        b"%PDF-1.7\n%%EOF",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        encoded(scene(), "TIFF"),
        encoded(scene(), "BMP"),
        encoded(scene(), "ICO"),
        encoded(scene(), "JPEG")[:900],
        encoded(scene(), "PNG")[:-60],
    ],
)
def test_refuses_what_is_no_photo(content: bytes) -> None:
    with pytest.raises(BadInput, match=r"'hole.jpg' is not a picture that can be read"):
        cleaned(content)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds one row of it."""
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(width * 3 + 1))), (b"IEND", b"")]
    body = b"".join(
        len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")
        for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("side", [7000, 10_000, 13_000, 60_000])
def test_refuses_a_bomb_by_its_header(side: int) -> None:
    with pytest.raises(BadInput, match="more than 40 million pixels"):
        cleaned(png_header(side, side))


def test_the_limit_is_the_settings_own() -> None:
    tight = Settings(max_image_pixels=10_000)
    with pytest.raises(BadInput, match=r"more than 0.01 million pixels"):
        cleaned(encoded(scene(101, 100), "JPEG"), tight)
    assert cleaned(encoded(scene(100, 100), "JPEG"), tight).width == 100


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_damaged_files_are_refused_in_words_or_shown(kind: str) -> None:
    """Whatever a decoder raises at bytes that somebody made up, the caller gets a sentence."""
    chance = Random(311)  # noqa: S311
    whole = encoded(scene(), kind, **({} if kind == "GIF" else {"exif": telling_exif(6)}))
    refused = 0
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(chance.choice([1, 3, 20])):
            content[chance.randrange(min(len(content), 700))] = chance.randrange(256)
        try:
            cleaned(bytes(content))
        except BadInput:
            refused += 1
    assert 0 < refused < 150


def test_a_long_or_odd_name_is_quoted() -> None:
    with pytest.raises(BadInput) as caught:
        clean(Upload("\x1b[31m\n" + "x" * 500, b"no"), SETTINGS)
    sentence = caught.value.descriptions[0]
    assert len(sentence) < 200
    assert sentence.isprintable()


@pytest.mark.anyio
async def test_prepares_all_or_none() -> None:
    good = Upload("a.png", encoded(scene(), "PNG"))
    assert len(await prepare([good, good], SETTINGS)) == 2
    with pytest.raises(BadInput, match=r"'b\.txt'"):
        await prepare([good, Upload("b.txt", b"text")], SETTINGS)
    with pytest.raises(BadInput, match="More than 8"):
        await prepare([good] * 9, SETTINGS)
