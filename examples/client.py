"""Keeps the messages of one user in a file, and loses none: the steps of docs/client.md.
TOKEN=… python client.py http://localhost:8000 messages.jsonl CONVERSATION"""

import json
import os
import random
import sys
import threading
import time
import uuid
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from httpx_sse import connect_sse


class Client:
    def __init__(self, url: str, file: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}  # 1
        hooks = {"response": [lambda r: r.is_error and r.read(), httpx.Response.raise_for_status]}
        self.http = httpx.Client(base_url=url, headers=headers, event_hooks=hooks, timeout=45)  # 6
        self.last: dict[str, int] = {}  # by conversation, the id of the last message kept
        self.outbox: dict[str, Any] = {}  # by client id
        self.position, self.file = "", Path(file).open("a+b", buffering=0)  # noqa: SIM115
        self.file.truncate(Path(file).read_bytes().rfind(b"\n") + 1)  # a crash may have cut a line
        for line in Path(file).read_text().splitlines():
            self.apply(json.loads(line))

    def keep(self, **entry: Any) -> None:  # 5: messages and their position are one line
        self.file.write(json.dumps(entry).encode() + b"\n")
        self.apply(entry)

    def apply(self, entry: dict[str, Any]) -> None:
        for message in entry.get("messages", ()):
            if int(message["id"]) > self.last.get(message["conversationId"], 0):
                self.last[message["conversationId"]] = int(message["id"])
                print(json.dumps(message), flush=True)
        self.outbox.update(entry.get("draft", {}))
        self.outbox.pop(entry.get("sent", ""), None)
        self.position = entry.get("position", self.position)

    def pages(self, path: str) -> tuple[list[Any], str]:  # 2: oldest first, and the position
        answers = [self.http.get(path)]
        while following := answers[-1].links.get("next"):
            answers.append(self.http.get(following["url"]))
        return [i for a in answers for i in a.json()][::-1], answers[0].headers["Last-Event-ID"]

    def synchronise(self) -> None:  # 3, and 8: after a reset
        listed, position = self.pages("/api/conversations?limit=100")
        found = {conversation["id"]: 0 for conversation in listed} | self.last
        paths = [f"/api/conversations/{c}/messages?limit=100&after={n}" for c, n in found.items()]
        self.keep(messages=[m for path in paths for m in self.pages(path)[0]], position=position)

    def follow(self) -> None:  # 4
        headers = {"Last-Event-ID": self.position}
        opening = connect_sse(self.http, "GET", "/api/messages", headers=headers)
        with opening as stream, suppress(httpx.TransportError):
            for event in stream.iter_sse():
                new = [event.json()] if event.event == "message" else []
                if event.event == "reset" or any(m["conversationId"] not in self.last for m in new):
                    return self.synchronise()
                if event.id:
                    self.keep(messages=new, position=event.id)

    def insist(self, action: Any, *arguments: Any, **named: Any) -> Any:  # 7
        for attempt in count():
            try:
                return action(*arguments, **named)
            except httpx.HTTPError as error:
                answer = getattr(error, "response", httpx.Response(503))
                if answer.status_code == 401:
                    raise  # 10: sign in again
                if answer.status_code < 429 and "problem" in answer.headers.get("Content-Type", ""):
                    return print("Refused:", answer.json()["detail"], file=sys.stderr)
                pause = random.uniform(0, 2 ** min(attempt, 7) / 4)
                time.sleep(float(answer.headers.get("Retry-After", 0)) + pause)

    def read(self, conversation: str) -> None:  # 9: into the outbox before anything is sent
        for line in sys.stdin:
            draft = {"content": line.strip("\n"), "clientId": str(uuid.uuid4()), "to": conversation}
            self.keep(draft={draft["clientId"]: draft})

    def send(self) -> None:
        while True:
            for client_id, draft in list(self.outbox.items()):
                path = f"/api/conversations/{draft['to']}/messages"
                self.insist(self.http.post, path, json=draft)
                self.keep(sent=client_id)
            time.sleep(0.1)


client = Client(sys.argv[1], sys.argv[2], os.environ["TOKEN"])
threading.Thread(target=client.read, args=sys.argv[3:], daemon=True).start()
threading.Thread(target=client.send, daemon=True).start()
while True:
    client.insist(client.follow if client.position else client.synchronise)
    time.sleep(random.random())
