"""Photos: judged by content, turned upright, shrunk, written anew without EXIF, kept as files.

Nothing of the sender's file is kept: what we store is our own JPEG of its pixels, so that neither a
false image nor the place where it was taken travels on. And Pillow never sees the sender's file
either: it gets the first picture and the tables to decode it, put together here. Texts, profiles,
EXIF and further pictures cost it seconds and errors of every kind, and none of them is wanted.
"""

import contextlib
import io
import logging
import os
import re
import secrets
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import BoundedSemaphore

from django.conf import settings
from django.utils.translation import gettext as _
from PIL import Image

MAX_UPLOAD_BYTES = 12 * 1024 * 1024
MAX_PIXELS = 50_000_000
MAX_PIXELS_WHOLE = 25_000_000
"""For what cannot be decoded small, as a JPEG of one scan can: up to 240 MB in memory."""
MAX_PIXELS_WEBP = MAX_PIXELS_WHOLE // 2
"""Its decoder keeps twice as many copies."""
MAX_SCANS = 50
"""In a JPEG. Each one walks over all pixels again and may cost 30 bytes; libjpeg's own progressive
script has 10, 18 for CMYK, and optimisers stay below 30."""
MAX_SEGMENTS = 2**14
"""JPEG segments or PNG chunks; 12 MB in chunks of 1 kB stay below."""
MAX_TABLE_BYTES = 2**17
"""Huffman and quantisation tables, palettes: real ones need a few kilobytes, 100 kB at the most."""
MAX_GIF_BLOCKS = 2**18
"""A block holds up to 255 bytes, and encoders fill it."""
MAX_SIDE = 1600
MAX_PHOTOS = 6

_log = logging.getLogger(__name__)


class BadPhoto(Exception):
    """What was sent is no photo that we take; the message says why, in the user's language."""


class NoRoom(BadPhoto):
    """The photo is good, but the disk takes none now: the same one may be taken later."""


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    """A photo on disk, already durable: its name under the media folder, pixels and bytes."""

    file: str
    width: int
    height: int
    bytes: int


@dataclass(frozen=True, slots=True)
class _Plain:
    """One picture and nothing else: what Pillow gets to see of a file."""

    format: str
    data: bytes
    size: tuple[int, int]
    most: int = MAX_PIXELS_WHOLE
    """How many pixels we take."""
    exif: bytes = b""


_AT_ONCE = BoundedSemaphore(2)
"""Few kilobytes can ask for 240 megabytes: never for more than twice that in a process."""


def store(data: bytes) -> StoredPhoto:
    """Check, re-encode and keep one photo, on disk when this returns. Raises BadPhoto.

    Also where the disk takes none: a person's words must not be lost for want of room.
    """
    with _AT_ONCE:
        picture = _decode(data)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=82, optimize=True)
    name = f"{secrets.token_hex(1)}/{secrets.token_hex(16)}.jpg"
    path = Path(settings.MEDIA_ROOT) / name
    try:
        _write_durably(path, out.getvalue())
    except OSError as wrong:
        _log.exception("a photo could not be written")
        with contextlib.suppress(OSError):
            path.unlink()
        raise NoRoom(_("照片现在存不下，请先不带照片提交")) from wrong
    return StoredPhoto(name, picture.width, picture.height, out.tell())


def copy_of(photo: StoredPhoto) -> StoredPhoto:
    """The same picture kept once more, for another case that it shows as well. Raises BadPhoto."""
    root = Path(settings.MEDIA_ROOT)
    name = f"{secrets.token_hex(1)}/{secrets.token_hex(16)}.jpg"
    try:
        _write_durably(root / name, (root / photo.file).read_bytes())
    except OSError as wrong:
        _log.exception("a photo could not be written")
        with contextlib.suppress(OSError):
            (root / name).unlink()
        raise NoRoom(_("照片现在存不下，请先不带照片提交")) from wrong
    return replace(photo, file=name)


def discard(photos: tuple[StoredPhoto, ...]) -> None:
    """Remove photos whose appeal was not filed after all."""
    for photo in photos:
        (Path(settings.MEDIA_ROOT) / photo.file).unlink(missing_ok=True)


def _decode(data: bytes) -> Image.Image:
    if len(data) > MAX_UPLOAD_BYTES:
        raise BadPhoto(_("照片太大，最多 %d MB") % (MAX_UPLOAD_BYTES // 1024 // 1024))
    try:
        plain = _plain(data)
        if plain.size[0] * plain.size[1] > plain.most:
            raise BadPhoto(_("照片的像素太多"))
        return _upright(plain)
    except BadPhoto:
        raise
    except Exception as wrong:
        # Bad content makes a decoder raise anything; a person must not lose a form by it.
        if not isinstance(wrong, OSError | ValueError | SyntaxError | IndexError | struct.error):
            _log.warning("a photo could not be decoded", exc_info=True)
        raise BadPhoto(_("这不是能打开的照片（支持 JPEG、PNG、WebP、GIF）")) from wrong


def _upright(plain: _Plain) -> Image.Image:
    with Image.open(io.BytesIO(plain.data), formats=(plain.format,)) as opened:
        if opened.size != plain.size:
            raise SyntaxError(f"the header says {plain.size}, the decoder {opened.size}")
        exif = plain.exif or opened.info.get("exif", b"")
        opened.draft("RGB", (MAX_SIDE, MAX_SIDE))
        # Small first: turning and converting each make a copy.
        opened.thumbnail((MAX_SIDE, MAX_SIDE))
        picture: Image.Image = opened
        if picture.mode.startswith("I"):
            # 16 bits of grey: converting clips, and would leave white.
            picture = picture.point(lambda grey: grey * (1 / 256)).convert("L")
        picture = picture.convert("RGB")
    if (turn := _turn(exif)) is not None:
        picture = picture.transpose(turn)
    # Comments and profiles travel in `info`, and saving would write some of it again.
    picture.info.clear()
    return picture


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By EXIF's orientation (CIPA DC-008, tag 0x0112); 1 is upright."""


def _turn(exif: bytes) -> Image.Transpose | None:
    """How to set it upright: from the first directory alone, as no other entry is of use here."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return None
    with contextlib.suppress(struct.error):  # Cut short, it is as if it said nothing.
        (first,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, first)
        for at in range(first + 2, first + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "HH", tiff, at)
            if tag == 0x0112:
                (value,) = struct.unpack_from(order + {3: "H", 4: "I"}.get(kind, "B"), tiff, at + 8)
                return _TURNS.get(value)
    return None


def _plain(data: bytes) -> _Plain:
    for start, take in _KINDS.items():
        if data.startswith(start):
            return take(data)
    raise SyntaxError("no format that we take")


_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
"""In compressed data 0xff is followed by 0x00 or is a restart, so what this finds ends a scan."""

_OF_COLOUR = ((0xE0, b"JFIF\0"), (0xEE, b"Adobe"))
"""The application segments that say how the components become colours."""


def _jpeg(data: bytes) -> _Plain:
    """The first picture of the file, as ITU T.81 Annex B has it: phones put several into one."""
    parts, exif, frame, scans, tables = [b"\xff\xd8"], b"", b"", 0, 0
    whole = False
    at = 2
    for _segment in range(MAX_SEGMENTS):
        if (found := _JPEG_MARKER.search(data, at)) is None:
            break  # Cut: the decoder knows whether anything is missing.
        start, marker = found.start(), data[found.start() + 1]
        if marker == 0xD9:
            parts.append(b"\xff\xd9")
            break
        if marker == 0x01:
            at = start + 2
            continue
        at = start + 2 + struct.unpack_from(">H", data, start + 2)[0]
        if at < start + 4 or at > len(data):
            raise SyntaxError("a segment ends outside the file")
        segment = data[start:at]
        if marker == 0xDA:
            scans += 1
            if not frame or scans > MAX_SCANS:
                raise SyntaxError("scans without a frame, or too many")
            whole = whole or scans > 1 or frame[1] == 0xC2 or segment[4] < frame[9]
            following = _JPEG_MARKER.search(data, at)
            at = following.start() if following else len(data)
            parts.append(data[start:at])
        elif marker in (0xC0, 0xC1, 0xC2) and not frame:
            frame = segment
            parts.append(segment)
        elif marker in (0xC4, 0xDB, 0xDD) or (marker, segment[4:9]) in _OF_COLOUR:
            tables += len(segment)
            parts.append(segment)
        elif marker == 0xE1 and segment[4:10] == b"Exif\0\0":
            exif = exif or segment[4:]
        elif not (0xE0 <= marker <= 0xEF or marker in (0xDC, 0xFE)):
            # Lossless, hierarchical and arithmetic coding among them: no camera writes these, and
            # the last one gives a decoder endless work for hardly any bytes.
            raise SyntaxError(f"unknown JPEG marker {marker:#x}")
    else:
        raise SyntaxError("too many segments")
    if tables > MAX_TABLE_BYTES:
        raise SyntaxError("too many tables")
    height, width = struct.unpack_from(">HH", frame, 5)
    return _Plain(
        "JPEG", b"".join(parts), (width, height), MAX_PIXELS_WHOLE if whole else MAX_PIXELS, exif
    )


def _png(data: bytes) -> _Plain:
    """Header, palette and pixels; of a moving picture the still one that stands for it."""
    width, height = struct.unpack_from(">II", data, 16)
    if data[12:16] != b"IHDR":
        raise SyntaxError("no PNG header")
    at, head, exif, pixels = 8, [data[:8]], b"", []
    for _chunk in range(MAX_SEGMENTS):
        if at >= len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise SyntaxError("a chunk ends outside the file")
        if kind == b"IDAT":
            pixels.append(data[at + 8 : end - 4])
        elif (kind == b"IHDR" and at == 8) or kind == b"PLTE":
            head.append(data[at:end])
        elif kind == b"eXIf":
            exif = data[at + 8 : end - 4]
        elif kind == b"IEND":
            break
        at = end
    else:
        raise SyntaxError("too many chunks")
    if sum(map(len, head)) > MAX_TABLE_BYTES:
        raise SyntaxError("too many palettes")
    plain = b"".join(head) + _chunk_of(b"IDAT", b"".join(pixels)) + _chunk_of(b"IEND", b"")
    return _Plain("PNG", plain, (width, height), exif=exif)


def _chunk_of(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _gif(data: bytes) -> _Plain:
    """The first frame."""
    width, height = struct.unpack_from("<HH", data, 6)
    at = head = 13 + _gif_palette(data[10])
    control, blocks = b"", 0
    while blocks <= MAX_GIF_BLOCKS:
        start, frame = at, data[at] == 0x2C
        if frame:
            x, y, w, h = struct.unpack_from("<HHHH", data, at + 1)
            at += 11 + _gif_palette(data[at + 9])
        elif data[at] == 0x21:
            at += 2
        else:
            raise SyntaxError("no frame")
        while (length := data[at]) and blocks <= MAX_GIF_BLOCKS:
            at += 1 + length
            blocks += 1
        at += 1
        blocks += 1
        if frame:
            plain = data[:head] + control + data[start:at] + b";"
            return _Plain("GIF", plain, (max(width, x + w), max(height, y + h)))
        if data[start + 1] == 0xF9:
            control = data[start:at]
    raise SyntaxError("too many blocks")


def _gif_palette(flags: int) -> int:
    """How many bytes it has."""
    return 6 << (flags & 7) if flags & 0x80 else 0


def _webp(data: bytes) -> _Plain:
    """As it came: its decoder reads the first frame, and skips the rest, in no time."""
    kind = data[12:16]
    if data[8:12] != b"WEBP" or len(data) < 30:
        raise SyntaxError("not a WebP")
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    return _Plain("WEBP", data, (width, height), MAX_PIXELS_WEBP)


_KINDS: dict[bytes, Callable[[bytes], _Plain]] = {
    b"\xff\xd8\xff": _jpeg,
    b"\x89PNG\r\n\x1a\n": _png,
    b"GIF87a": _gif,
    b"GIF89a": _gif,
    b"RIFF": _webp,
}


def _write_durably(path: Path, data: bytes) -> None:
    # For the process that serves it alone: other users of the machine have no business here.
    path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
