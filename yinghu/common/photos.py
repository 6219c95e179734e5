"""Photos: check, re-encode without metadata, store as files.

Only our own JPEG of the pixels is stored, so neither malformed files nor GPS positions are passed
on. `photo_decoder.py` makes it in a process with limits.
"""

import contextlib
import logging
import os
import secrets
import socket
import struct
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from threading import BoundedSemaphore, Lock

from django.conf import settings
from django.utils.translation import gettext as _

MAX_UPLOAD_BYTES = 12 * 1024 * 1024
MAX_PHOTOS = 6
CPU_SECONDS = 5
"""Per photo; the largest accepted one takes 1.5 s."""
_TIMEOUT = 35
"""Seconds to wait for an answer; longer than the decoder's own limit."""

_log = logging.getLogger(__name__)


class BadPhoto(Exception):
    """The photo is refused; the message says why, in the user's language."""


class NoRoom(BadPhoto):
    """The photo cannot be stored now; retrying later may work."""


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    """A stored photo: its name under the media folder, pixels and bytes."""

    file: str
    width: int
    height: int
    bytes: int


def store(data: bytes) -> StoredPhoto:
    """Check, re-encode and store a photo durably. Raises BadPhoto (NoRoom for a full disk)."""
    if len(data) > MAX_UPLOAD_BYTES:
        raise BadPhoto(_("照片太大，最多 %d MB") % (MAX_UPLOAD_BYTES // 1024 // 1024))
    answer = _decode(data)
    width, height = struct.unpack_from(">HH", answer.ljust(4, b"\0"))
    if not (width and answer.endswith(_END_OF_JPEG)):
        if answer[4:] == b"pixels":
            raise BadPhoto(_("照片的像素太多"))
        _log.info("photo refused: %s", answer[4:].decode(errors="replace") or "decoder ended")
        raise BadPhoto(_("这不是能打开的照片（支持 JPEG、PNG、WebP、GIF、HEIC）"))
    return StoredPhoto(_write_new_file(answer[4:]), width, height, len(answer) - 4)


def copy_of(photo: StoredPhoto) -> StoredPhoto:
    """Store the picture again, for another case. Raises BadPhoto."""
    try:
        data = (Path(settings.MEDIA_ROOT) / photo.file).read_bytes()
    except OSError as error:
        raise _no_room("a photo could not be read") from error
    return replace(photo, file=_write_new_file(data))


def discard(photos: tuple[StoredPhoto, ...]) -> None:
    """Delete photos whose appeal was not filed."""
    for photo in photos:
        (Path(settings.MEDIA_ROOT) / photo.file).unlink(missing_ok=True)


_END_OF_JPEG = b"\xff\xd9"
_decoding = BoundedSemaphore(2)
"""Each photo may use the decoder's whole memory."""
_starting = Lock()
_running: tuple[subprocess.Popen[bytes], socket.socket] | None = None


def _decode(data: bytes) -> bytes:
    """Return the decoder's answer, empty if it died. Raises NoRoom if none can be started."""
    ours, theirs = socket.socketpair()
    with _decoding, ours:
        with theirs:
            try:
                socket.send_fds(_decoder(), [bytes([CPU_SECONDS])], [theirs.fileno()])
            except OSError as error:
                raise _no_room("the photo decoder does not run") from error
        ours.settimeout(_TIMEOUT)
        try:
            ours.sendall(data)
            ours.shutdown(socket.SHUT_WR)
            with ours.makefile("rb") as answer:
                return answer.read(MAX_UPLOAD_BYTES)
        except OSError:
            return b""


def _decoder() -> socket.socket:
    """Return the socket of this process's decoder, started on first use."""
    global _running
    with _starting:
        if _running is None or _running[0].poll() is not None:
            if _running:
                _running[1].close()
            _running = _start_decoder()
        return _running[1]


def _start_decoder() -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    script = Path(__file__).with_name("photo_decoder.py")
    with theirs:
        end = theirs.fileno()
        process = subprocess.Popen(  # noqa: S603  # our own script, and a number
            [sys.executable, "-I", "-Wignore", script, str(end)],
            pass_fds=[end],
            env={},
            start_new_session=True,
        )
    if not ours.recv(1):
        ours.close()
        raise ChildProcessError(f"it ended with {process.wait()} before it was ready")
    return process, ours


def _write_new_file(data: bytes) -> str:
    """Write a photo durably; return its name under the media folder."""
    name = f"{secrets.token_hex(1)}/{secrets.token_hex(16)}.jpg"
    path = Path(settings.MEDIA_ROOT) / name
    try:
        # Readable by the serving process's user only.
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
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise _no_room("a photo could not be written") from error
    return name


def _no_room(event: str) -> NoRoom:
    _log.exception(event)
    return NoRoom(_("照片现在存不下，请先不带照片提交"))
