"""The log: lines of JSON, or readable ones on a terminal. Ours say what happened; of a library's, only that it spoke.

Whatever a library logs goes through the same handler, and nothing of its text, its arguments, its stack or the message
of an exception comes out at the other end: any of them may quote a payload. The class of an exception and the line that
raised it are enough to find the fault.
"""

import logging
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from broker.telemetry.closed import be_strict, is_plain, permitted
from broker.telemetry.names import Event, Field

_NAME = "tellwise"
_LOGGER = logging.getLogger(_NAME)
_OURS = "tellwise_line"
_FIELDS: Mapping[str, Field] = {field.value: field for field in Field}
_AS_JSON = structlog.processors.JSONRenderer(sort_keys=True)


def emit(event: Event, *, level: int = logging.INFO, **fields: str | int) -> None:
    """Log *event* with what goes with it.

    Args:
        event: What happened.
        level: Of `logging`.
        fields: Ids, counts and words, by the names in `Field`.

    Raises:
        Unlisted: another field; in a service it is dropped and counted instead.
    """
    line = permitted(fields, _FIELDS)  # before the level is looked at: a wrong field must not hide until DEBUG
    if _LOGGER.isEnabledFor(level):
        _STRUCTURED.log(level, event.value, **line)


def failed(event: Event, error: BaseException, *, level: int = logging.ERROR, **fields: str | int) -> None:
    """Log *event* with the class of what caused it and the line that raised it; never with its text.

    Args and errors otherwise as `emit`.
    """
    emit(event, level=level, **fields, **_of_a_fault(type(error), error.__traceback__))


def configure(
    level: int = logging.INFO, *, as_json: bool | None = None, stream: TextIO | None = None, strict: bool = False
) -> None:
    """Set the process's logging up, for a service: one handler for ours and for every library's.

    Call it before a library sets up handlers of its own, or tell it not to; those that it has by now are taken away.
    Exceptions that nobody catches are logged like those of libraries, and no longer printed with their messages.

    Args:
        level: Of our lines. Libraries are heard from WARNING on, and at DEBUG altogether.
        as_json: Lines of JSON or readable ones; None for JSON unless *stream* is a terminal.
        stream: Where to; None for standard error.
        strict: Whether a field that is not listed raises. A service drops it.
    """
    be_strict(strict)
    root = logging.getLogger()
    for logger in (root, *(logging.getLogger(name) for name in logging.root.manager.loggerDict)):
        logger.handlers = []
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
    root.addHandler(log_handler(stream or sys.stderr, as_json=as_json))
    root.setLevel(level if level <= logging.DEBUG else logging.WARNING)
    _LOGGER.setLevel(level)
    logging.raiseExceptions = False  # a handler that fails would print the message that it failed on
    logging.captureWarnings(True)  # pydantic's warnings quote values
    sys.excepthook = _escaped
    sys.unraisablehook = lambda fault: _escaped(fault.exc_type, fault.exc_value, fault.exc_traceback)
    threading.excepthook = lambda fault: _escaped(fault.exc_type, fault.exc_value, fault.exc_traceback)


def log_handler(stream: TextIO, *, as_json: bool | None = None) -> logging.Handler:
    """The handler that `configure` sets up, writing to *stream*."""
    if as_json is None:
        as_json = not stream.isatty()
    renderer: Processor = _AS_JSON if as_json else structlog.dev.ConsoleRenderer(sort_keys=True)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_only_what_may_leave],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            use_get_message=False,  # a library's message is not even put together
        )
    )
    return handler


def _to_record(logger: WrappedLogger, method: str, line: EventDict) -> tuple[tuple[object], dict[str, Any]]:
    """The last step of our own lines: to the standard library's logging, as JSON and as what it is made of."""
    return (_AS_JSON(logger, method, dict(line)),), {"extra": {_OURS: dict(line)}}


def _only_what_may_leave(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """A new line for each record: one of ours as we made it, of any other no more than that it was."""
    record: logging.LogRecord = line["_record"]
    ours = getattr(record, _OURS, None) if record.name == _NAME else None
    what = _of_a_library(record) if ours is None else ours
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    kept = {name: line[name] for name in ("_record", "_from_structlog")}  # structlog's own, taken out again
    return {**kept, "level": record.levelname.lower(), "timestamp": at, **what}


def _of_a_library(record: logging.LogRecord) -> dict[str, str]:
    said = {"event": Event.LIBRARY_LOGGED.value, Field.LOGGER.value: _word(record.name)}
    if record.exc_info and record.exc_info[0] is not None:
        said |= _of_a_fault(record.exc_info[0], record.exc_info[2])
    return said


def _of_a_fault(fault: type[BaseException], traceback: TracebackType | None) -> dict[str, str]:
    return {Field.EXCEPTION.value: _word(fault.__name__), Field.PLACE.value: _place(traceback)}


def _place(traceback: TracebackType | None) -> str:
    """Module and line that raised. Not the file: its path may begin with the name of whoever installed it."""
    if traceback is None:
        return "unknown"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return _word(f"{traceback.tb_frame.f_globals.get('__name__')}:{traceback.tb_lineno}")


def _word(text: str) -> str:
    return text if is_plain(text) else "unknown"  # a name can be made of anything, at run time


def _escaped(
    fault: type[BaseException], _value: BaseException | None = None, traceback: TracebackType | None = None
) -> None:
    if issubclass(fault, SystemExit):
        return
    emit(Event.FAULT_ESCAPED, level=logging.CRITICAL, **_of_a_fault(fault, traceback))


_STRUCTURED: structlog.stdlib.BoundLogger = structlog.wrap_logger(
    _LOGGER, processors=[_to_record], wrapper_class=structlog.stdlib.BoundLogger
)
