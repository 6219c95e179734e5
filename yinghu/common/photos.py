"""Photos: check, re-encode without metadata, store as files.

Only our own JPEG of the pixels is stored, so neither malformed files nor GPS positions are passed
on. `photo_decoder.py` makes it in a process with limits. It first says from the header what a photo
would cost in pixels, and each sender has a budget of them (`rate_limit`). The web server judges
photos in threads of their own (`concurrency_limit`), so pages do not wait for them.
"""

import contextlib
import logging
import os
import secrets
import socket
import struct
import subprocess
import sys
import time
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from threading import BoundedSemaphore, Lock

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yinghu.common import rate_limit

MAX_UPLOAD_BYTES = 12 * 1024 * 1024
MAX_PHOTOS = 6
MAX_PIXELS = 50_000_000
"""As in `photo_decoder`, which this process does not import."""
CPU_SECONDS = 5
"""Per photo; the largest accepted one takes 1.5 s."""
_STARVED = 25
"""Seconds after which no answer means a lack of time, since the CPU limit is far below."""
_TIMEOUT = 35
"""Seconds to wait for an answer; longer than the decoder's own limit."""

_log = logging.getLogger(__name__)


class BadPhoto(Exception):
    """The photo is refused; the message says why, in the user's language. `status` is of HTTP."""

    status = 422
    wait = 0
    """Seconds until a retry may work; 0 if unknown."""


class NoRoom(BadPhoto):
    """The photo cannot be stored now; retrying later may work."""


class Crowded(NoRoom):
    """Too many photos wait to be judged; retrying soon may work."""

    status = 503
    wait = 5


class BudgetSpent(BadPhoto):
    """The sender has sent as many pixels as one may; retry after `wait` seconds."""

    status = 429

    def __init__(self, message: str, wait: int) -> None:
        super().__init__(message)
        self.wait = wait


crowded: ContextVar[bool] = ContextVar("crowded", default=False)
"""Set by the web server for a request whose photos cannot be judged now."""


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    """A stored photo: its name under the media folder, pixels and bytes."""

    file: str
    width: int
    height: int
    bytes: int


def store(data: bytes, sender: str = "") -> StoredPhoto:
    """Check, re-encode and store a photo durably, at the cost of the sender's budget, if named.

    Raises BadPhoto (NoRoom for a full disk, Crowded, BudgetSpent).
    """
    jpeg, width, height = _reencode(data, sender)
    return StoredPhoto(_write_new_file(jpeg), width, height, len(jpeg))


def clean_jpeg(data: bytes, sender: str = "") -> bytes:
    """Check and re-encode a photo as `store` does, and return the JPEG without a file.

    Raises BadPhoto (Crowded, BudgetSpent).
    """
    return _reencode(data, sender)[0]


def _reencode(data: bytes, sender: str) -> tuple[bytes, int, int]:
    """Return our own JPEG of a photo, its width and height. Raises BadPhoto."""
    if len(data) > MAX_UPLOAD_BYTES:
        raise BadPhoto(_("照片太大，最多 %d MB") % (MAX_UPLOAD_BYTES // 1024 // 1024))
    if crowded.get():
        raise Crowded(_("现在送照片的人太多，请过几秒再提交一次，或先不带照片提交"))
    # For the look at the header.
    _charge(sender, 1)
    answer = _decode(data, sender)
    width, height = struct.unpack_from(">HH", answer.ljust(4, b"\0"))
    if not (width and answer.endswith(_END_OF_JPEG)):
        raise _refusal(answer[4:])
    return answer[4:], width, height


def _refusal(why: bytes) -> BadPhoto:
    if why == b"pixels":
        return BadPhoto(_("照片的像素太多"))
    if why == b"scans":
        return BadPhoto(_("这张照片的存法打开太费时，请重新拍一张，或者截个图再传"))
    _log.info("photo refused: %s", why.decode(errors="replace") or "decoder ended")
    return BadPhoto(_("这不是能打开的照片（支持 JPEG、PNG、WebP、GIF、HEIC）"))


def _charge(sender: str, megapixels: int) -> None:
    """Take the cost of a photo from the sender's budget. Raises BudgetSpent."""
    if not sender or not megapixels:
        return
    if wait := rate_limit.buckets.take("pixels", sender, megapixels):
        seconds = int(wait) + 1
        minutes = -(-seconds // 60)
        words = ngettext(
            "照片送得太多了，请过 %d 分钟再送，或先不带照片提交",
            "照片送得太多了，请过 %d 分钟再送，或先不带照片提交",
            minutes,
        )
        raise BudgetSpent(words % minutes, seconds)


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


def _decode(data: bytes, sender: str) -> bytes:
    """Return the decoder's answer, empty if it died. Raises NoRoom if none can be started, or
    BudgetSpent.
    """
    ours, theirs = socket.socketpair()
    with _decoding, ours:
        begun = time.monotonic()
        with theirs:
            try:
                socket.send_fds(_decoder(), [bytes([CPU_SECONDS])], [theirs.fileno()])
            except OSError as error:
                raise _no_room("the photo decoder does not run") from error
        ours.settimeout(_TIMEOUT)
        with ours.makefile("rb") as answer:
            head, result = b"", b""
            try:
                ours.sendall(struct.pack(">I", len(data)) + data)
                head = answer.read(4)
                if len(head) == 4:
                    _charge(sender, int.from_bytes(head) // 10**6)
                    if any(head):
                        ours.sendall(b"\0")
                    result = answer.read(MAX_UPLOAD_BYTES)
            except TimeoutError:
                _end_decoder()
            except OSError:
                result = b""
        if not result and time.monotonic() - begun > _STARVED:
            # It had no processor to work with, or was stopped: the photo may be a good one.
            raise Crowded(_("现在送照片的人太多，请过几秒再提交一次，或先不带照片提交"))
        if len(head) < 4:
            # What the decoder dies on costs as much as the largest photo.
            _charge(sender, MAX_PIXELS // 10**6)
        return result


def _end_decoder() -> None:
    """Kill a decoder that does not answer; the next photo starts another."""
    with _starting:
        if _running is not None:
            _running[0].kill()
            _running[0].wait()


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
