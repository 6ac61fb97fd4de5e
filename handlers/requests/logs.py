"""Formats and writes the log. It never contains a token, a cookie or a message."""

import asyncio
import contextlib
import json
import logging
import math
import random
import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from tornado.httputil import HTTPServerRequest

import output

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")  # accepted from a trusted proxy
LONGEST_LINE = 1000  # characters
LONGEST_PATH = 200  # characters
LONGEST_METHOD = 20
_CUT = "…"
SAMPLE_SECONDS = 1.0  # between two lines about input that is not a request

_access = logging.getLogger("messenger.access")


def configure(log_format: str) -> None:
    """Sends all loggers to stderr, as text or as JSON lines."""
    handler = TurnHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    # No line names threads or processes, so that logging need not look them up.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # nor the caller: see "Optimization" in the manual of logging
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("tornado.general").setLevel(logging.ERROR)  # it warns of client errors
    logging.getLogger("yoyo").setLevel(logging.WARNING)


def new_request_id() -> str:
    """Returns an id to find the lines of one request. It is not a secret."""
    return f"{random.getrandbits(64):016x}"


def log_request(
    request: HTTPServerRequest, status: int, user_id: int | None, request_id: str
) -> None:
    """Logs one line for a request. The path has no query, which may hold a token."""
    fields = {
        "request": request_id,
        "method": (request.method or "")[:LONGEST_METHOD],
        "path": shown(request.path),
        "status": status,
        "milliseconds": round(request.request_time() * 1000, 1),
        "user": user_id,
        "remote": request.remote_ip,
    }
    level = logging.ERROR if status == 500 else logging.INFO
    _tell(
        level,
        "{method} {path} {status} {milliseconds:.1f} ms user={user} {remote} {request}",
        fields,
    )


def shown(path: str) -> str:
    """Returns the beginning of a path, with characters escaped that would end the log line."""
    path = path[:LONGEST_PATH]
    return path if path.isprintable() else ascii(path)[:LONGEST_PATH]


class RefusedInput:
    """Logs input that is not a request, with at most one line a second."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._next = -math.inf
        self._untold = 0

    def log(self, status: int, remote_ip: str) -> None:
        now = self._now()
        if now < self._next:
            self._untold += 1
            return
        self._next = now + SAMPLE_SECONDS
        fields = {"status": status, "remote": remote_ip, "more": self._untold}
        self._untold = 0
        _tell(logging.INFO, "no request: {status} {remote}, and {more} more before it", fields)


def log_stream(request_id: str, user_id: int, reason: str, seconds: float) -> None:
    """Logs one line for a stream that has ended."""
    fields = {
        "request": request_id,
        "method": "GET",
        "path": "/api/messages",
        "status": 200,
        "seconds": round(seconds, 1),
        "user": user_id,
        "ended": reason,
    }
    _tell(
        logging.INFO,
        "{method} {path} {status} open for {seconds:.1f} s user={user} {ended} {request}",
        fields,
    )


def _tell(level: int, text: str, fields: dict[str, object]) -> None:
    """Logs like `Logger.log`, in half the time, because it does not look up the caller."""
    if _access.isEnabledFor(level):
        said = text.format_map(fields)
        record = logging.LogRecord(_access.name, level, "", 0, said, None, None)
        record.fields = fields
        _access.handle(record)


class TurnHandler(logging.StreamHandler[TextIO]):
    """Writes the lines of one iteration of the loop together. An error is written at once."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.append(self.format(record) + self.terminator)
            if record.levelno >= logging.ERROR or not self._will_flush():
                self.flush()
        except Exception:  # like logging's handlers: a failure to log must not stop the caller
            self.handleError(record)

    def flush(self) -> None:
        with self.lock or contextlib.nullcontext():
            if self._lines:
                lines, self._lines = self._lines, []
                output.write(self.stream, "".join(lines))

    def _will_flush(self) -> bool:
        """Schedules `flush`. Returns False if no loop runs in this thread."""
        if len(self._lines) > 1:
            return True
        try:
            asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:
            return False
        return True


class TextFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
        self._second = (0, "")

    def format(self, record: logging.LogRecord) -> str:
        """Formats like the base class. A record of one line takes a third of its time."""
        if record.exc_info or record.exc_text or record.stack_info:
            return _shortened(super().format(record))
        time, level = self.formatTime(record), record.levelname
        line = f"{time} {level:<7} {record.name}: {record.getMessage()}"
        return line if len(line) <= LONGEST_LINE else _shortened(line)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """Formats the usual time, and caches the text up to the second."""
        second = int(record.created)
        if second != self._second[0]:
            local = time.localtime(second)
            self._second = second, time.strftime("%Y-%m-%d %H:%M:%S", local)
        return f"{self._second[1]},{int(record.msecs):03d}"


class JsonFormatter(logging.Formatter):
    """Formats a record as one line with a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        line = json.dumps(told)
        while len(line) > LONGEST_LINE:
            _shorten_longest(told)
            line = json.dumps(told)
        return line


def _shorten_longest(told: dict[str, object]) -> None:
    """Shortens the longest text by an eighth. Keeps the end of an exception, which names it."""
    name, text = max(((n, t) for n, t in told.items() if isinstance(t, str)), key=_length)
    cut = len(text) // 8 + 2
    told[name] = _CUT + text[cut:] if name == "exception" else text[:-cut] + _CUT


def _length(field: tuple[str, str]) -> int:
    return len(field[1])


def _shortened(text: str) -> str:
    """Cuts each line to at most `LONGEST_LINE`."""
    lines = text.split("\n")
    return "\n".join(
        line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + _CUT for line in lines
    )
