"""What the log says of a request, and what it never says."""

import json
import logging
import sys

import pytest

from handlers.logs import JsonFormatter, TextFormatter
from tests.support.people import Visitor


async def a_request(visitor: Visitor, caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    """The record of a message sent by john."""
    caplog.set_level("INFO")
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    caplog.clear()
    await john.send(conversation, "the content of a message")
    (record,) = [record for record in caplog.records if record.name == "messenger.access"]
    assert john.token not in caplog.text
    assert "the content" not in caplog.text
    return record


@pytest.mark.gen_test
async def test_a_request_is_a_line_of_json_for_programs(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    record = await a_request(visitor, caplog)
    line = JsonFormatter().format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert told["level"] == "info"
    assert (told["method"], told["status"]) == ("POST", 201)
    assert told["path"].startswith("/api/conversations/")
    assert told["milliseconds"] > 0
    assert told["user"] == 1


@pytest.mark.gen_test
async def test_a_request_is_a_line_of_text_for_people(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    line = TextFormatter().format(await a_request(visitor, caplog))
    assert "\n" not in line
    assert "INFO" in line
    assert "/messages 201 " in line


def test_an_exception_stays_within_its_line_of_json() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.getLogger("x").makeRecord(
            "x", logging.ERROR, __file__, 1, "it failed", (), sys.exc_info()
        )
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert "ValueError: two\nlines" in json.loads(line)["exception"]
