"""A minimal SMTP server that accepts mails, refuses them or leaves them unanswered."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
from collections.abc import Callable
from email.message import EmailMessage
from types import TracebackType


class Mailbox:
    """An SMTP server on `port` of this machine.

    `mails` are those accepted. The next `refusals` mails are refused with the answer `refusal`.
    While `silent` is set, a completely transmitted mail gets no answer.
    """

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refusals = 0
        self.refusal = "451 come back later"
        self.tried = 0
        self.silent = threading.Event()
        self.reached = threading.Event()
        self.ended = threading.Event()
        box = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                box.serve(self)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Session)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Mailbox:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve(self, session: socketserver.StreamRequestHandler) -> None:
        """Handle one SMTP session."""

        def say(line: str) -> None:
            session.wfile.write(f"{line}\r\n".encode())

        say("220 here")
        while line := session.rfile.readline():
            match line.split()[0].upper() if line.split() else b"":
                case b"EHLO" | b"HELO" | b"MAIL" | b"RCPT" | b"RSET":
                    say("250 ok")
                case b"DATA":
                    say("354 go on")
                    self._data(session, say)
                case b"QUIT":
                    say("221 bye")
                    return
                case _:
                    say("500 what?")

    def _data(self, session: socketserver.StreamRequestHandler, say: Callable[[str], None]) -> None:
        lines = []
        while (line := session.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        self.tried += 1
        self.reached.set()
        if self.silent.is_set():
            self.ended.wait()
            return
        if self.refusals:
            self.refusals -= 1
            say(self.refusal)
            return
        self.mails.append(email.message_from_bytes(b"".join(lines), policy=email.policy.default))
        say("250 taken")
