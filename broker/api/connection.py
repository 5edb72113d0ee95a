"""One client's connection, and the patience that it meets: whoever begins a request must end it, and whoever asks must
read the answer.

The server below waits for ever for the rest of a request's head, for a body that nobody wants any more, and for a
reader who does not read. Each of them holds a connection, and there are only so many. What is no HTTP is answered as
all else is.
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from broker.api.problems import MEDIA_TYPE, NOT_HTTP, as_json

HEAD_BYTES_MAX = 16_384
"""Of a request's first line and headers; about."""
_STEP_BYTES = 2_048


def connection_class(patience_s: float, most: int, carried: Sequence[tuple[bytes, bytes]]) -> type[H11Protocol]:
    """The class that the server makes of each connection.

    Args:
        patience_s: Seconds for a request's head, from its first byte or from when the connection was opened; for the
            rest of a body after its answer; and for a reader to take some more of an answer.
        most: Connections at once; one more is closed without a word, since a word would have to be waited for.
        carried: The headers of every answer.
    """

    class Connection(H11Protocol):
        """A connection whose client must keep up."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._owing: asyncio.TimerHandle | None = None
            """Until when the client must have sent what it began."""
            self._reading: asyncio.TimerHandle | None = None
            """Until when it must have read something."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > most:
                transport.abort()
                return
            self._owe(True)

        def connection_lost(self, exc: Exception | None) -> None:
            self._owe(False)
            self._read_on()
            self._unset_keepalive_if_required()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            # The parser limits a head that is not whole yet, so it is shown little at a time until it has one.
            at = 0
            while self.conn.their_state is h11.IDLE and at < len(data) and not self.transport.is_closing():
                super().data_received(data[at : at + _STEP_BYTES])
                at += _STEP_BYTES
            if at < len(data) and not self.transport.is_closing():
                super().data_received(data[at:])
            # Bytes came, and they are no whole head; or they are of a body that was answered without it.
            self._owe(self.conn.their_state is h11.IDLE or self._is_answered())

        def on_response_complete(self) -> None:
            super().on_response_complete()
            began = self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])  # the next head, already
            if began or self._is_answered():
                self._owe(True)

        def _is_answered(self) -> bool:
            return self.conn.their_state is h11.SEND_BODY and self.conn.our_state is h11.DONE

        def _owe(self, owes: bool) -> None:
            if owes and self._owing is None and not self.transport.is_closing():
                self._owing = self.loop.call_later(patience_s, self.transport.abort)
            elif not owes and self._owing is not None:
                self._owing.cancel()
                self._owing = None

        def pause_writing(self) -> None:
            super().pause_writing()
            self._read_by(self.transport.get_write_buffer_size())

        def resume_writing(self) -> None:
            super().resume_writing()
            self._read_on()

        def _read_by(self, unread: int) -> None:
            """Come back later: by then less than *unread* bytes must be left."""

            def look() -> None:
                left = self.transport.get_write_buffer_size()
                if left >= unread:
                    self.transport.abort()
                else:
                    self._read_by(left)

            self._reading = self.loop.call_later(patience_s, look)

        def _read_on(self) -> None:
            if self._reading is not None:
                self._reading.cancel()
                self._reading = None

        def timeout_keep_alive_handler(self) -> None:
            if self.transport.get_write_buffer_size():  # a polite end would wait for the reader
                self.transport.abort()
            else:
                super().timeout_keep_alive_handler()

        def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - its words are the library's
            if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):  # in the middle of an answer: no second one
                self.transport.close()
                return
            body = json.dumps(as_json(NOT_HTTP), ensure_ascii=False, separators=(",", ":")).encode()
            headers = [
                (b"content-type", MEDIA_TYPE.encode()),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
                *carried,
            ]
            events = (h11.Response(status_code=400, headers=headers, reason=b"Bad Request"), h11.Data(data=body))
            for event in (*events, h11.EndOfMessage()):
                self.transport.write(self.conn.send(event))
            self.transport.close()

    return Connection
