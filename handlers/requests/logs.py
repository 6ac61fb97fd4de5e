"""What the log says of a request: never a token, a cookie or a message."""

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

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")  # what may come from a proxy into our lines
LONGEST_LINE = 1000  # characters
LONGEST_PATH = 200  # characters of what a client asked for
LONGEST_METHOD = 20
_CUT = "…"
SAMPLE_SECONDS = 1.0  # between two lines about input that is no request

_access = logging.getLogger("messenger.access")


def configure(log_format: str) -> None:
    """All loggers to stderr, as readable text or as JSON lines."""
    handler = TurnHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    # What no line of ours says need not be looked up for each of them.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # nor where it was called from: "Optimization", in logging's manual
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("tornado.general").setLevel(logging.ERROR)  # what clients do wrong
    logging.getLogger("yoyo").setLevel(logging.WARNING)


def new_request_id() -> str:
    """By which the lines of one request are found; a secret it is not."""
    return f"{random.getrandbits(64):016x}"


def log_request(
    request: HTTPServerRequest, status: int, user_id: int | None, request_id: str
) -> None:
    """One line a request; the path without its query, which may hold a token."""
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
    """The beginning of a path as a line may hold it: some characters would end the line."""
    path = path[:LONGEST_PATH]
    return path if path.isprintable() else ascii(path)[:LONGEST_PATH]


class RefusedInput:
    """Logs input that is no request: one line a second, however much of it comes."""

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
    """One line for each stream, when it has ended."""
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
    """As the logger would, in half the time: nobody has to look for who called it."""
    if _access.isEnabledFor(level):
        said = text.format_map(fields)
        record = logging.LogRecord(_access.name, level, "", 0, said, None, None)
        record.fields = fields
        _access.handle(record)


class TurnHandler(logging.StreamHandler[TextIO]):
    """Writes the lines of one turn of the loop together, at its end, and an error's at once."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.append(self.format(record) + self.terminator)
            if record.levelno >= logging.ERROR or not self._will_flush():
                self.flush()
        except Exception:  # as logging does: what cannot be logged breaks nothing else
            self.handleError(record)

    def flush(self) -> None:
        with self.lock or contextlib.nullcontext():
            if self._lines:
                lines, self._lines = self._lines, []
                output.write(self.stream, "".join(lines))

    def _will_flush(self) -> bool:
        """False where no loop runs: before it, after it, and in threads."""
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
        """The same, of what is one line, in a third of the time."""
        if record.exc_info or record.exc_text or record.stack_info:
            return _shortened(super().format(record))
        time, level = self.formatTime(record), record.levelname
        line = f"{time} {level:<7} {record.name}: {record.getMessage()}"
        return line if len(line) <= LONGEST_LINE else _shortened(line)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """The usual one, its seconds made once for all lines of a second."""
        second = int(record.created)
        if second != self._second[0]:
            local = time.localtime(second)
            self._second = second, time.strftime("%Y-%m-%d %H:%M:%S", local)
        return f"{self._second[1]},{int(record.msecs):03d}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

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
    """By an eighth. Of an exception the end stays, which says what happened."""
    name, text = max(((n, t) for n, t in told.items() if isinstance(t, str)), key=_length)
    cut = len(text) // 8 + 2
    told[name] = _CUT + text[cut:] if name == "exception" else text[:-cut] + _CUT


def _length(field: tuple[str, str]) -> int:
    return len(field[1])


def _shortened(text: str) -> str:
    """Each line of it, so that none is longer than `LONGEST_LINE`."""
    lines = text.split("\n")
    return "\n".join(
        line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + _CUT for line in lines
    )
