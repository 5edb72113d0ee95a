"""A desk's own system that letters are pushed to: a real server on this machine that remembers what it was sent."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import standardwebhooks
import trustme

from schemas.strict import json_decode

HOST = "case-system.invented.example"
SECRET = bytes(range(32))


@dataclass
class Request:
    """What was sent."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> dict[str, Any]:
        """The letter in it, once its signature is checked."""
        standardwebhooks.Webhook(SECRET).verify(self.body, self.headers)
        data = json_decode(self.body)["data"]
        assert isinstance(data, dict)
        return data


@dataclass
class Endpoint:
    """Answers as it is told, and remembers."""

    answer: Callable[[Request], str] = lambda request: "204 No Content"
    """Status, and further header lines after it."""
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    names: list[str | None] = field(default_factory=list)
    """The server names that clients asked for by TLS."""
    together: int = 0
    together_most: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """No answer is given before it is set."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        try:
            while line := await reader.readline():
                path, headers = line.split()[1].decode(), {}
                while (header := await reader.readline()) not in (b"\r\n", b""):
                    name, _, value = header.decode().partition(":")
                    headers[name.lower()] = value.strip()
                request = Request(path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))
                self.requests.append(request)
                self.together += 1
                self.together_most = max(self.together, self.together_most)
                await self.gate.wait()
                self.together -= 1
                status, *more = self.answer(request).split("\n")
                lines = [f"HTTP/1.1 {status}", *more, "Content-Length: 0", "", ""]
                writer.write("\r\n".join(lines).encode())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def serving(endpoint: Endpoint, authority: trustme.CA | None = None, name: str = HOST) -> AsyncIterator[Endpoint]:
    """Let an endpoint listen on this machine, with a certificate for *name* if an authority is given."""
    context = None
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        context.sni_callback = lambda _socket, asked, _context: endpoint.names.append(asked)
    endpoint.gate.set()
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", endpoint.port, ssl=context)
    endpoint.port = server.sockets[0].getsockname()[1]
    try:
        yield endpoint
    finally:
        endpoint.gate.set()
        server.close()
