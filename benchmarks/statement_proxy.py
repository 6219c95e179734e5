"""Proxy in front of PostgreSQL that records its clients' SQL statements.

Each simple query and each Execute of the extended protocol is one, BEGIN and COMMIT included.
"""

import contextlib
import socket
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from psycopg.conninfo import conninfo_to_dict


class StatementProxy(socketserver.ThreadingUnixStreamServer):
    """Proxy at `url`; `statements` holds those since they were last cleared."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, database_url: str, folder: Path) -> None:
        super().__init__(str(folder / ".s.PGSQL.5432"), _Client)
        self._target = conninfo_to_dict(database_url)
        parts = urlsplit(database_url)
        # Keep the user, replace the host.
        who, at, _host = parts.netloc.rpartition("@")
        query = f"host={quote(str(folder), safe='')}&sslmode=disable"
        self.url = urlunsplit(parts._replace(netloc=who + at, query=query))
        self.statements: list[str] = []

    def connect(self) -> socket.socket:
        """Connect to PostgreSQL."""
        host, port = str(self._target.get("host") or "localhost"), self._target.get("port") or 5432
        if not host.startswith("/"):
            return socket.create_connection((host, int(port)))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server


class _Client(socketserver.StreamRequestHandler):
    server: StatementProxy

    def handle(self) -> None:
        prepared = ""
        with self.server.connect() as database, contextlib.suppress(OSError):
            threading.Thread(target=self._answer, args=(database,), daemon=True).start()
            # The first message of a connection has no type byte.
            kind = b""
            while length := self.rfile.read(4):
                text = self.rfile.read(int.from_bytes(length) - 4)
                if kind == b"P":
                    prepared = text.split(b"\0")[1].decode("utf-8", "replace")
                elif kind == b"Q":
                    self.server.statements.append(text.rstrip(b"\0").decode("utf-8", "replace"))
                elif kind == b"E":
                    self.server.statements.append(prepared)
                database.sendall(kind + length + text)
                kind = self.rfile.read(1)

    def _answer(self, database: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := database.recv(65536):
                self.connection.sendall(data)
            # The server has ended the connection.
            self.connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def statement_proxy(database_url: str) -> Iterator[StatementProxy]:
    """Run a proxy in front of the database."""
    with (
        tempfile.TemporaryDirectory(prefix="yh-wire-") as folder,
        StatementProxy(database_url, Path(folder)) as proxy,
    ):
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
