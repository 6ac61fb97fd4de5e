"""How smoothly a page draws."""

from typing import NamedTuple

from playwright.async_api import Page

# Until `measured`: frames, and the tasks of 50 ms and more that the browser reports.
MEASURE = """() => {
    const found = (window.found = { gap: 0, task: 0, frames: 0, over: false });
    const look = (entries) => {
        for (const { duration } of entries) found.task = Math.max(found.task, duration);
    };
    found.tasks = new PerformanceObserver((list) => look(list.getEntries()));
    found.tasks.observe({ type: "longtask" });
    found.look = look;
    let last = performance.now();
    (function frame(now = performance.now()) {
        found.gap = Math.max(found.gap, now - last);
        found.frames += 1;
        last = now;
        if (!found.over) requestAnimationFrame(frame);
    })();
}"""


class Measured(NamedTuple):
    """Times in milliseconds."""

    gap: float
    task: float
    frames: int


async def measured(page: Page) -> Measured:
    gap, task, frames = await page.evaluate("""() => {
        found.over = true;
        found.look(found.tasks.takeRecords());
        found.tasks.disconnect();
        return [found.gap, found.task, found.frames];
    }""")
    return Measured(gap, task, frames)
