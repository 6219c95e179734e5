"""Photo decoder: a separate process that converts untrusted photos to small, plain JPEGs.

`photos.py` runs this file as a script. It imports nothing of ours, gets no environment, and decodes
each photo in a fork with limits on memory, CPU and time, so that a hostile file costs little and
sees neither secrets nor other photos.
"""

import io
import os
import resource
import signal
import socket
import struct
import sys

from PIL import Image, ImageOps
from pillow_heif import register_heif_opener

FORMATS = ("JPEG", "HEIF", "PNG", "WEBP", "GIF")
MAX_PIXELS = 50_000_000
"""JPEG is decoded at reduced size; HEIF of a phone's 48 million pixels needs 350 MB."""
MAX_PIXELS_OF = {"PNG": 25_000_000, "GIF": 25_000_000, "WEBP": 12_500_000}
"""These are decoded at full size, with further copies."""
MAX_PIXELS_PROGRESSIVE = 25_000_000
"""A progressive JPEG keeps all coefficients in memory."""
MAX_SCANS = 24
"""Scans of a JPEG, each of which passes over all pixels; encoders write up to about 12."""
MAX_MEMORY = 512 * 2**20
"""Bytes of address space; the largest accepted photos need 410 MB."""
MAX_SECONDS = 30
"""Wall-clock time per photo. The CPU limit comes with the photo."""
MAX_SIDE = 1600

Image.MAX_IMAGE_PIXELS = None  # We have limits of our own.
Image.init()
register_heif_opener(thumbnails=False, decode_threads=1)


class _TooCostlyError(Exception):
    """The text is the reason: "pixels" or "scans"."""


def cost_of(data: bytes) -> int:
    """Return what decoding the photo costs, in pixels, from its header; 0 if it is refused.

    A JPEG of many scans costs its pixels once for every four of them.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as photo:
            return _cost(photo, data)
    except Exception:  # `reencode` gives the reason.
        return 0


def _cost(photo: Image.Image, data: bytes) -> int:
    scans = _count_scans(data) if photo.format == "JPEG" else 1
    if scans > MAX_SCANS:
        raise _TooCostlyError("scans")
    most = MAX_PIXELS_OF.get(str(photo.format), MAX_PIXELS)
    if photo.info.get("progressive"):
        most = MAX_PIXELS_PROGRESSIVE
    pixels = photo.width * photo.height
    if pixels > most:
        raise _TooCostlyError("pixels")
    return max(1, pixels * max(1, scans // 4))


def _count_scans(data: bytes) -> int:
    """Count the scans of a JPEG by its markers, up to one more than MAX_SCANS."""
    at, scans = 2, 0
    while scans <= MAX_SCANS and 0 <= (at := data.find(b"\xff", at)) < len(data) - 3:
        marker = data[at + 1]
        if marker == 0xD9:
            break
        if marker == 0xFF:  # Padding.
            at += 1
        elif marker <= 0x01 or 0xD0 <= marker <= 0xD8:  # Without a length, or data of a scan.
            at += 2
        else:
            scans += marker == 0xDA
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return scans


def reencode(data: bytes) -> bytes:
    """Return the photo upright, within MAX_SIDE, without metadata.

    Output: width and height (16 bits each, big-endian), then the JPEG; if both are 0, the reason
    for refusal ("pixels", "scans", or the decoder's error).
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as photo:
            _cost(photo, data)
            photo.draft("RGB", (MAX_SIDE, MAX_SIDE))
            # Shrink first, because each later step copies.
            photo.thumbnail((MAX_SIDE, MAX_SIDE))
            picture = _upright(photo)
        if picture.mode.startswith("I"):
            # 16-bit grey: a plain conversion would clip to white.
            picture = picture.point(lambda grey: grey * (1 / 256)).convert("L")
        picture = picture.convert("RGB")
        # Pillow would copy comments from here to the new file.
        picture.info.clear()
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=82, optimize=True)
        return struct.pack(">HH", *picture.size) + out.getvalue()
    except _TooCostlyError as error:
        return bytes(4) + str(error).encode()
    except Exception as error:  # Damaged files raise errors of every kind.
        return bytes(4) + repr(error).encode()


def _upright(photo: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(photo)
    except Exception:  # Damaged EXIF: as if there were none.
        return photo


def main(control: socket.socket) -> None:
    """Receive photos as sockets, each with its CPU seconds, until the sender closes.

    On a photo's socket come its length (32 bits) and bytes; its cost in pixels is answered (32
    bits), 0 with the reason after it; after one more byte, the result of `reencode`.
    """
    os.nice(10)  # Pages come first.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Forks are not waited for.
    for limit, most in (
        (resource.RLIMIT_AS, MAX_MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    control.send(b"\0")
    while True:
        cpu_seconds, photos, _flags, _address = socket.recv_fds(control, 1, 1)
        if not photos:
            return
        with socket.socket(fileno=photos[0]) as photo:
            if os.fork() == 0:
                try:
                    control.close()  # A fork handles only its own photo.
                    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds[0], cpu_seconds[0]))
                    signal.alarm(MAX_SECONDS)
                    _answer(photo)
                finally:
                    os._exit(0)


def _answer(photo: socket.socket) -> None:
    with photo.makefile("rb") as sent:
        data = sent.read(int.from_bytes(sent.read(4)))
        cost = cost_of(data)
        photo.sendall(struct.pack(">I", cost))
        if cost == 0 or sent.read(1):
            photo.sendall(reencode(data))


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
