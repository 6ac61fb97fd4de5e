"""A data loader: joins look-ups of many callers into one statement."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from db import pool

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class BatchLoader(Generic[Question, Answer]):
    """Answers all waiting questions with one statement, and runs one statement at a time.

    The statement begins after `load` was called. All callers together use one connection of the
    pool. So when thousands of streams return after a restart, the others are free for sends.
    """

    def __init__(
        self, answers: Callable[[Sequence[Question]], Awaitable[list[Answer]]], largest: int
    ) -> None:
        """`answers` returns one answer for each of at most `largest` questions, in their order."""
        self._answers = answers
        self._largest = largest
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def load(self, question: Question) -> Answer:
        """Returns the answer to `question`, or raises what `answers` raises."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work_off())
        return await future

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                await self._gather()
                batch = self._waiting[: self._largest]
                del self._waiting[: self._largest]
                await self._settle(batch)
        finally:
            self._worker = None

    async def _gather(self) -> None:
        """Waits while each iteration of the loop adds questions, up to a batch of them."""
        before = 0
        while before < len(self._waiting) < self._largest:
            before = len(self._waiting)
            await asyncio.sleep(0)

    async def _settle(self, batch: list[tuple[Question, asyncio.Future[Answer]]]) -> None:
        pool.begin_request()
        try:
            answers = await self._answers([question for question, _ in batch])
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)
