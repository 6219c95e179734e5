"""Photos are checked by their content and lose their location data."""

from __future__ import annotations

import io
import os
import random
import resource
import signal
import struct
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image
from pytest_django import Settings

from yinghu.common import photo_decoder, photos, rate_limit
from yinghu.common.photo_decoder import reencode

EXIF_ORIENTATION, EXIF_GPS = 0x0112, 0x8825


@pytest.fixture(autouse=True)
def _media(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def picture(size: tuple[int, int] = (400, 300), kind: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind, **options)
    return out.getvalue()


def kept(stored: photos.StoredPhoto, folder: Path) -> Image.Image:
    with Image.open(folder / stored.file) as image:
        image.load()
    return image


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "HEIF"])
def test_photo_is_stored_as_jpeg(kind: str, tmp_path: Path) -> None:
    stored = photos.store(picture(kind=kind))
    ours = (tmp_path / stored.file).read_bytes()
    with Image.open(io.BytesIO(ours)) as image:
        assert (image.format, image.size) == ("JPEG", (400, 300))
    assert (stored.width, stored.height, stored.bytes) == (400, 300, len(ours))


@pytest.mark.parametrize("kind", ["JPEG", "HEIF"])
def test_metadata_is_removed_and_orientation_applied(kind: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    exif.get_ifd(EXIF_GPS)[2] = (29.0, 18.0, 0.0)
    stored = photos.store(picture(kind=kind, exif=exif.tobytes(), comment=b"secret"))
    with Image.open(tmp_path / stored.file) as image:
        assert image.size == (300, 400)
        assert not image.getexif()
        assert "comment" not in image.info


def test_large_photo_is_shrunk() -> None:
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
def test_non_photo_is_refused_with_a_message(data: bytes, tmp_path: Path) -> None:
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


def test_stored_photo_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    stored = photos.store(picture())
    assert (tmp_path / stored.file).stat().st_mode & 0o077 == 0
    assert (tmp_path / stored.file).parent.stat().st_mode & 0o077 == 0


def test_discard_deletes_photos_and_may_be_repeated(tmp_path: Path) -> None:
    stored = photos.store(picture())
    photos.discard((stored,))
    photos.discard((stored,))
    assert list(tmp_path.rglob("*.jpg")) == []


# Few bytes that would take seconds to decode: refused or skipped.


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def jpeg_of_scans(scans: int, side: int = 64) -> bytes:
    """A progressive JPEG whose later scans change nothing, each a single run over all blocks."""
    blocks = (side // 8) ** 2
    nothing_left = bytes([1, *bytes(15), 0xE0])  # One code of one bit: 2^14 to 2^15 - 1 blocks.
    return b"".join(
        [
            b"\xff\xd8",
            segment(0xDB, b"\0" + b"\1" * 64),
            segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0"),
            segment(0xC4, b"\x00" + bytes([1, *bytes(15), 0])),
            segment(0xC4, b"\x10" + nothing_left),
            segment(0xDA, b"\1\1\0\0\0\0") + bytes(blocks // 8),
            *[segment(0xDA, b"\1\1\0\1\x3f\0") + b"\x00\x01"] * (scans - 1),
            b"\xff\xd9",
        ]
    )


def test_only_single_scan_jpegs_may_have_the_most_pixels() -> None:
    """Other photos need memory for all their pixels, however small the result."""
    assert photos.store(picture((5100, 5000))).width == 1600
    with pytest.raises(photos.BadPhoto, match="像素"):
        photos.store(picture((5100, 5000), progressive=True))
    with pytest.raises(photos.BadPhoto, match="像素"):
        photos.store(picture((7100, 7100)))
    with pytest.raises(photos.BadPhoto, match="像素"):
        photos.store(picture((3600, 3600), "WEBP"))


def test_cost_in_pixels_counts_every_fourth_scan() -> None:
    assert photo_decoder.cost_of(picture()) == 400 * 300
    # Pillow's encoder writes ten scans.
    assert photo_decoder.cost_of(picture(progressive=True)) == 2 * 400 * 300
    assert photo_decoder.cost_of(jpeg_of_scans(24)) == 6 * 64 * 64
    assert photos.store(jpeg_of_scans(24)).width == 64
    assert photo_decoder.cost_of(jpeg_of_scans(25)) == 0
    with pytest.raises(photos.BadPhoto, match="太费时"):
        photos.store(jpeg_of_scans(25))
    assert photo_decoder.cost_of(b"not an image") == 0


def test_header_on_which_the_decoder_dies_costs_as_much_as_the_largest_photo(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.RATE_LIMITS = {"pixels": (60, 3600.0)}
    monkeypatch.setattr(photos, "CPU_SECONDS", 1)
    monkeypatch.setattr(rate_limit, "buckets", rate_limit.Buckets())
    # So long that reading it takes more than a second of any processor.
    monkeypatch.setattr(photos, "MAX_UPLOAD_BYTES", 6 * photos.MAX_UPLOAD_BYTES)
    endless = stuffed(PLAIN_GIF, GIF_HEAD, b"!\xfe\1a\0")
    with pytest.raises(photos.BadPhoto, match="不是能打开的照片"):
        photos.store(endless, "one")
    with pytest.raises(photos.BudgetSpent, match="送得太多"):
        photos.store(picture((4000, 3000)), "one")
    assert photos.store(picture((4000, 3000)), "other").width == 1600


PLAIN_JPEG, PLAIN_PNG, PLAIN_GIF = picture(), picture(kind="PNG"), picture(kind="GIF")
GIF_HEAD = 13 + (6 << (PLAIN_GIF[10] & 7))
SMALL_BOMB = zlib.compress(b"\xff" * (2**20 - 1), 9)


def stuffed(plain: bytes, at: int, crumb: bytes) -> bytes:
    """`plain` with as many copies of `crumb` at `at` as an upload can hold."""
    most = (photos.MAX_UPLOAD_BYTES - len(plain)) // len(crumb)
    return plain[:at] + crumb * most + plain[at:]


@pytest.mark.parametrize(
    "data",
    [
        jpeg_of_scans(6000, 4900),
        # Pillow joins these, copying all previous ones.
        stuffed(PLAIN_JPEG, 2, segment(0xE1, b"Exif\0\0" + b"x" * 10)),
        stuffed(PLAIN_GIF, GIF_HEAD, b"!\xfe\1a\0"),
        # Each kilobyte expands to a megabyte.
        stuffed(PLAIN_PNG, 33, chunk(b"iTXt", b"k\0\1\0\0\0" + SMALL_BOMB)),
        stuffed(PLAIN_PNG, 33, chunk(b"iCCP", b"k\0\0" + SMALL_BOMB)),
    ],
    ids=["scans", "exif", "comments", "texts", "profiles"],
)
def test_photo_that_costs_too_much_is_refused(
    data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "CPU_SECONDS", 1)
    with pytest.raises(photos.BadPhoto, match="照片"):
        photos.store(data)
    assert list(tmp_path.rglob("*.jpg")) == []
    assert photos.store(PLAIN_JPEG).width == 400


@pytest.mark.parametrize(
    "data",
    [
        PLAIN_JPEG[:2] + segment(0xDB, b"\0" + b"\1" * 64) * 2_000 + PLAIN_JPEG[2:],
        PLAIN_PNG[:33] + chunk(b"aaAA", b"") * 20_000 + PLAIN_PNG[33:],
        PLAIN_PNG[:33] + chunk(b"iCCP", b"k\0\0" + SMALL_BOMB) * 10 + PLAIN_PNG[33:],
        PLAIN_JPEG[:2] + segment(0xE1, b"Exif\0\0" + b"\xff\xda" * 20_000) + PLAIN_JPEG[2:],
        PLAIN_JPEG + b"\xff\xda" * 20_000,
    ],
    ids=["tables", "chunks", "profiles", "thumbnails", "tail"],
)
def test_odd_photo_that_costs_little_is_accepted(data: bytes) -> None:
    assert photos.store(data).width == 400


def decoder_of_this_process() -> int:
    assert photos.store(PLAIN_JPEG).width == 400
    assert photos._running
    return photos._running[0].pid


def test_decoder_has_limits_and_an_empty_environment() -> None:
    pid = decoder_of_this_process()
    most = photo_decoder.MAX_MEMORY
    assert resource.prlimit(pid, resource.RLIMIT_AS) == (most, most)
    assert resource.prlimit(pid, resource.RLIMIT_FSIZE) == (0, 0)
    assert Path(f"/proc/{pid}/environ").read_bytes() == b""


def test_killed_decoder_is_restarted() -> None:
    pid = decoder_of_this_process()
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert decoder_of_this_process() != pid


def test_without_a_decoder_photos_are_refused_with_advice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(photos, "_running", None)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(photos.NoRoom, match="不带照片"):
        photos.store(PLAIN_JPEG)


# HEIF, as iPhones send it.


def test_a_heif_that_claims_too_many_pixels_is_refused() -> None:
    whole = picture(kind="HEIF")
    at = whole.index(b"ispe") + 8
    assert struct.unpack_from(">II", whole, at) == (400, 300)
    with pytest.raises(photos.BadPhoto, match="像素"):
        photos.store(whole[:at] + struct.pack(">II", 7100, 7100) + whole[at + 8 :])


def test_truncated_heif_is_refused() -> None:
    whole = corners("HEIF")
    for end in range(0, len(whole), 23):
        with pytest.raises(photos.BadPhoto, match="照片"):
            photos.store(whole[:end])


# Variants that phones and scanners send.


def corners(kind: str = "JPEG", **options: object) -> bytes:
    """A 64 by 32 image: red top left, green top right, blue bottom left, white bottom right."""
    image = Image.new("RGB", (64, 32), "white")
    for colour, box in (
        ("red", (0, 0, 32, 16)),
        ("lime", (32, 0, 64, 16)),
        ("blue", (0, 16, 32, 32)),
    ):
        image.paste(colour, box)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def corners_of(image: Image.Image) -> str:
    w, h = image.size
    names: dict[tuple[int, ...], str] = {
        (1, 0, 0): "r",
        (0, 1, 0): "g",
        (0, 0, 1): "b",
        (1, 1, 1): "w",
    }
    at = ((5, 5), (w - 6, 5), (5, h - 6), (w - 6, h - 6))
    found = [image.getpixel(xy) for xy in at]
    return "".join(names[tuple(c // 128 for c in p)] for p in found if isinstance(p, tuple))


TURNED = {1: "rgbw", 2: "grwb", 3: "wbgr", 4: "bwrg", 5: "rbgw", 6: "brwg", 7: "wgbr", 8: "gwrb"}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("value", "seen"), TURNED.items())
def test_every_exif_orientation_is_applied(
    order: str, value: int, seen: str, tmp_path: Path
) -> None:
    exif = (
        b"Exif\0\0"
        + {"<": b"II", ">": b"MM"}[order]
        + struct.pack(
            order + "HIH HHIHH HHII I",
            *(42, 8, 2),
            *(EXIF_ORIENTATION, 3, 1, value, 0),
            *(0x010F, 2, 2**31, 2**31),  # A maker's name outside the data.
            0,
        )
    )
    for kind in ("JPEG", "PNG", "WEBP", "HEIF"):
        fine = {"lossless": True} if kind == "WEBP" else {"quality": 95}
        sent = corners(kind, exif=exif, **fine)
        assert corners_of(kept(photos.store(sent), tmp_path)) == seen, kind


def size_of(answer: bytes) -> tuple[int, ...]:
    return struct.unpack_from(">HH", answer)


@pytest.mark.filterwarnings("ignore")
def test_photo_with_damaged_exif_is_accepted() -> None:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    exif[0x010F] = "Maker"
    exif[0x011A] = 72.0
    details = exif.get_ifd(0x8769)
    details[0x829A], details[0x927C] = 1 / 60, b"maker's own"
    exif.get_ifd(EXIF_GPS)[2] = (29.0, 18.0, 3.5)
    whole = picture((64, 48), exif=exif)
    start = whole.index(b"Exif\0\0") + 6
    end = start + len(exif.tobytes()) - 6
    dice = random.Random(1)
    for _round in range(1500):
        data = bytearray(whole)
        for _byte in range(dice.choice((1, 1, 2, 3))):
            data[dice.randrange(start, end)] = dice.choice((*range(14), 255, dice.randrange(256)))
        assert sorted(size_of(reencode(bytes(data)))) == [48, 64]
    for cut in range(end - start):
        damaged = segment(0xE1, b"Exif\0\0" + whole[start : start + cut])
        assert sorted(size_of(reencode(PLAIN_JPEG[:2] + damaged + PLAIN_JPEG[2:]))) == [300, 400]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "HEIF"])
def test_damaged_photos_are_accepted_or_refused(kind: str) -> None:
    whole = corners(kind)
    dice = random.Random(2)
    taken = set()
    for _round in range(400):
        data = bytearray(whole)
        for _byte in range(dice.choice((1, 2, 8))):
            data[dice.randrange(len(data))] = dice.randrange(256)
        taken.add(size_of(reencode(bytes(data))) != (0, 0))
    assert taken == {True, False}


@pytest.mark.parametrize("error", [AttributeError, TypeError, MemoryError, struct.error])
def test_any_error_of_the_decoder_is_a_refusal(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_args: object) -> None:
        raise error("odd")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    assert reencode(PLAIN_JPEG) == bytes(4) + repr(error("odd")).encode()


def test_first_picture_of_a_large_mpo_is_kept(tmp_path: Path) -> None:
    """Phones with 48 megapixels write MPO, a JPEG that Pillow reports as another format."""
    out = io.BytesIO()
    with Image.new("RGB", (5100, 5000), "red") as first, Image.new("RGB", (64, 64)) as second:
        first.save(out, "MPO", save_all=True, append_images=[second])
    with Image.open(io.BytesIO(out.getvalue())) as image:
        assert (image.format, getattr(image, "n_frames", 1)) == ("MPO", 2)
    ours = kept(photos.store(out.getvalue()), tmp_path)
    assert (ours.size, corners_of(ours)) == ((1600, 1569), "rrrr")


def test_first_frame_of_an_animation_is_kept(tmp_path: Path) -> None:
    for kind in ("PNG", "GIF", "WEBP"):
        out = io.BytesIO()
        with Image.new("RGB", (64, 32), "red") as first, Image.new("RGB", (64, 32)) as second:
            first.save(out, kind, save_all=True, append_images=[second])
        image = kept(photos.store(out.getvalue()), tmp_path)
        assert (image.size, corners_of(image)) == ((64, 32), "rrrr"), kind


def test_sixteen_bit_greyscale_is_kept(tmp_path: Path) -> None:
    for side in (40, 2000):
        grey = Image.new("I;16", (side, side), 0x4000)
        out = io.BytesIO()
        grey.save(out, "PNG")
        assert kept(photos.store(out.getvalue()), tmp_path).getpixel((9, 9)) == (64, 64, 64)


def test_cmyk_and_palette_colours_are_kept(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("CMYK", (64, 32), (0, 255, 255, 0)).save(out, "JPEG")
    assert corners_of(kept(photos.store(out.getvalue()), tmp_path)) == "rrrr"
    out = io.BytesIO()
    Image.new("RGBA", (64, 32), (255, 0, 0, 128)).quantize(8).save(out, "PNG")
    assert corners_of(kept(photos.store(out.getvalue()), tmp_path)) == "rrrr"
