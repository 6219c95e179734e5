"""Photos are judged by what is in them, and nothing of where they were taken travels on."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from pytest_django import Settings

from yinghu.appeals import photos

EXIF_ORIENTATION, EXIF_GPS = 0x0112, 0x8825


@pytest.fixture(autouse=True)
def _media(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def picture(size: tuple[int, int] = (400, 300), kind: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_photo_is_kept_as_our_own_jpeg(kind: str, tmp_path: Path) -> None:
    stored = photos.store(picture(kind=kind))
    kept = (tmp_path / stored.file).read_bytes()
    with Image.open(io.BytesIO(kept)) as image:
        assert (image.format, image.size) == ("JPEG", (400, 300))
    assert (stored.width, stored.height, stored.bytes) == (400, 300, len(kept))


def test_where_it_was_taken_is_gone_and_it_stands_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    exif.get_ifd(EXIF_GPS)[2] = (29.0, 18.0, 0.0)
    stored = photos.store(picture(exif=exif, comment=b"secret"))
    with Image.open(tmp_path / stored.file) as image:
        assert image.size == (300, 400)
        assert not image.getexif()
        assert "comment" not in image.info


def test_a_large_photo_is_shrunk() -> None:
    stored = photos.store(picture((6000, 3000)))
    assert (stored.width, stored.height) == (1600, 800)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not an image",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"GIF89a" + b"\x00" * 40,
        b"\xff\xd8\xff\xe0" + b"<script>alert(1)</script>" * 20,
        picture()[:200],
        picture(kind="TIFF"),
        picture(kind="PDF"),
    ],
    ids=["empty", "text", "svg", "gif", "script", "cut", "tiff", "pdf"],
)
def test_what_is_no_photo_is_refused_in_words(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(photos.BadPhoto, match="照片"):
        photos.store(data)
    assert list(tmp_path.rglob("*.jpg")) == []


def test_too_many_bytes_or_pixels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(photos.BadPhoto, match="12 MB"):
        photos.store(b"\x00" * (photos.MAX_UPLOAD_BYTES + 1))
    bomb = io.BytesIO()
    Image.new("1", (5001, 5000)).save(bomb, "PNG")
    with pytest.raises(photos.BadPhoto, match="像素"):
        photos.store(bomb.getvalue())
    assert list(tmp_path.rglob("*.jpg")) == []


def test_nobody_else_on_the_machine_reads_a_photo(tmp_path: Path) -> None:
    stored = photos.store(picture())
    assert (tmp_path / stored.file).stat().st_mode & 0o077 == 0
    assert (tmp_path / stored.file).parent.stat().st_mode & 0o077 == 0


def test_discarded_photos_are_gone(tmp_path: Path) -> None:
    stored = photos.store(picture())
    photos.discard((stored,))
    photos.discard((stored,))
    assert list(tmp_path.rglob("*.jpg")) == []
