package main

import (
	"fmt"
	"os"
	"time"
)

// reconnect: streams are open, the server dies, comes back, and all return from where they were.
//
// Says "open" on standard error when they are. `times` messages are to reach each of them then, before
// the server is killed and started again: they resume from before those, so each reads as many again.
func reconnect(spec *Spec) map[string]any {
	c := newCrowd(spec)
	c.openUpTo(spec.Streams)
	fmt.Fprintln(os.Stderr, "open")
	for c.closed < spec.Streams {
		c.poll(time.Second)
	}
	died, before, own := time.Now(), c.marks, cpuSeconds()
	// Until one is open: the socket of the dying server may take one more connection, and drop it.
	for !c.isOpen[0] {
		if c.files[0] < 0 && !c.connect(0, "Last-Event-ID: "+c.lastID[0]) {
			time.Sleep(2 * time.Millisecond)
		}
		c.poll(2 * time.Millisecond)
		inTime(died, "the server is away")
	}
	back := time.Now()
	for begun := 1; c.open < spec.Streams; {
		inTime(back, "some streams are not open")
		for begun < spec.Streams && begun-c.open < spec.AtOnce {
			if !c.connect(begun, "Last-Event-ID: "+c.lastID[begun]) {
				fail("the server has gone again")
			}
			begun++
		}
		nap()
		c.poll(time.Second)
	}
	if !c.untilMarks(before+spec.Streams*spec.Times, time.Minute) {
		fail(fmt.Sprintf("only %d of %d messages have come", c.marks-before, spec.Streams*spec.Times))
	}
	caughtUp, closedAt := time.Now(), now()
	c.close()
	return map[string]any{
		"downMs":     milliseconds(back.Sub(died)),
		"caughtUpMs": milliseconds(caughtUp.Sub(back)),
		"closedAt":   closedAt,
		"loadShare":  (cpuSeconds() - own) / caughtUp.Sub(died).Seconds(),
	}
}

func inTime(began time.Time, problem string) {
	if time.Since(began) > 2*time.Minute {
		fail(problem + " after 2 minutes")
	}
}
