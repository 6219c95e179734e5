"""Photos: judged by content, turned upright, shrunk, written anew without EXIF, kept as files.

Nothing of the sender's file is kept: what we store is our own JPEG of its pixels, so that neither a
false image nor the place where it was taken travels on.
"""

import io
import os
import secrets
import warnings
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore

from django.conf import settings
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

MAX_UPLOAD_BYTES = 12 * 1024 * 1024
MAX_PIXELS = 50_000_000
MAX_PIXELS_WHOLE = 25_000_000
"""For formats that cannot be decoded small, as JPEG can: 25 million are 100 MB in memory."""
MAX_SIDE = 1600
MAX_PHOTOS = 6
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")


class BadPhoto(Exception):
    """What was sent is no photo that we take; the message says why, in the user's language."""


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    """A photo on disk, already durable: its name under the media folder, pixels and bytes."""

    file: str
    width: int
    height: int
    bytes: int


_AT_ONCE = BoundedSemaphore(2)
"""Few kilobytes can ask for a hundred megabytes: never for more than twice that in a process."""


def store(data: bytes) -> StoredPhoto:
    """Check, re-encode and keep one photo, on disk when this returns. Raises BadPhoto."""
    with _AT_ONCE:
        picture = _decode(data)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=82, optimize=True)
    name = f"{secrets.token_hex(1)}/{secrets.token_hex(16)}.jpg"
    _write_durably(Path(settings.MEDIA_ROOT) / name, out.getvalue())
    return StoredPhoto(name, picture.width, picture.height, out.tell())


def discard(photos: tuple[StoredPhoto, ...]) -> None:
    """Remove photos whose appeal was not filed after all."""
    for photo in photos:
        (Path(settings.MEDIA_ROOT) / photo.file).unlink(missing_ok=True)


def _decode(data: bytes) -> Image.Image:
    if len(data) > MAX_UPLOAD_BYTES:
        raise BadPhoto(_("照片太大，最多 %d MB") % (MAX_UPLOAD_BYTES // 1024 // 1024))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
                most = MAX_PIXELS if opened.format == "JPEG" else MAX_PIXELS_WHOLE
                if opened.width * opened.height > most:
                    raise BadPhoto(_("照片的像素太多"))
                opened.draft("RGB", (MAX_SIDE, MAX_SIDE))
                # Small first: turning and converting each make a copy.
                opened.thumbnail((MAX_SIDE, MAX_SIDE))
                picture = ImageOps.exif_transpose(opened).convert("RGB")
    except BadPhoto:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning) as wrong:
        raise BadPhoto(_("这不是能打开的照片（支持 JPEG、PNG、WebP、GIF）")) from wrong
    # Comments and profiles travel in `info`, and saving would write some of it again.
    picture.info.clear()
    return picture


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
