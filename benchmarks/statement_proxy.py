"""Proxy in front of PostgreSQL that records its clients' SQL statements.

A simple query or an Execute of the extended protocol counts as one statement, including BEGIN and
COMMIT.
"""

import contextlib
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from psycopg.conninfo import conninfo_to_dict


class StatementProxy:
    """Proxy at `url`; `statements` holds those since the last `reset`."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self._target = conninfo_to_dict(database_url)
        parts = urlsplit(database_url)
        # Keep the user, replace the host.
        who, at, _host = parts.netloc.rpartition("@")
        query = f"host={quote(str(folder), safe='')}&sslmode=disable"
        self.url = urlunsplit(parts._replace(netloc=who + at, query=query))
        self.statements: list[str] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self) -> None:
        """Forget the statements seen so far."""
        self.statements = []

    def close(self) -> None:
        """Accept no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _peer = self._listener.accept()
            except OSError:
                return
            server = self._connect()
            threading.Thread(target=self._record, args=(client, server), daemon=True).start()
            threading.Thread(target=_forward, args=(server, client), daemon=True).start()

    def _connect(self) -> socket.socket:
        host, port = str(self._target.get("host") or "localhost"), self._target.get("port") or 5432
        if host.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{host}/.s.PGSQL.{port}")
            return server
        return socket.create_connection((host, int(port)))

    def _record(self, client: socket.socket, server: socket.socket) -> None:
        read, started, prepared = b"", False, ""
        while data := _receive(client):
            read += data
            while True:
                # The first message of a connection has no type byte.
                head = 5 if started else 4
                if len(read) < head:
                    break
                length = int.from_bytes(read[head - 4 : head]) + head - 4
                if len(read) < length:
                    break
                kind, text = (read[:1] if started else b""), read[head:length]
                if kind == b"P":
                    prepared = text.split(b"\0")[1].decode("utf-8", "replace")
                if kind == b"Q":
                    self.statements.append(text.rstrip(b"\0").decode("utf-8", "replace"))
                elif kind == b"E":
                    self.statements.append(prepared)
                read, started = read[length:], True
            server.sendall(data)
        server.close()


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except OSError:
        return b""


def _forward(server: socket.socket, client: socket.socket) -> None:
    while data := _receive(server):
        try:
            client.sendall(data)
        except OSError:
            break
    client.close()


@contextlib.contextmanager
def statement_proxy(database_url: str) -> Iterator[StatementProxy]:
    """Run a proxy in front of the database."""
    with tempfile.TemporaryDirectory(prefix="yh-wire-") as folder:
        proxy = StatementProxy(database_url, Path(folder))
        try:
            yield proxy
        finally:
            proxy.close()
