package main

import (
	"bytes"
	"math/rand/v2"
	"sort"
	"strconv"
	"time"
)

// arrivals are the stamped messages that have come to the streams they were stamped for.
type arrivals struct {
	tookMs []float64
	rest   [][]byte // by stream: a stamp whose end has not come
}

func (a *arrivals) received(stream int, data []byte) {
	now := time.Now().UnixNano()
	if a.rest[stream] != nil {
		data = append(a.rest[stream], data...)
		a.rest[stream] = nil
	}
	for {
		at := bytes.IndexByte(data, mark)
		if at < 0 {
			return
		}
		if len(data) < at+stampLength {
			a.rest[stream] = append([]byte(nil), data[at:]...)
			return
		}
		sent, err := strconv.ParseInt(string(data[at+1:at+20]), 10, 64)
		check(err)
		receiver, err := strconv.Atoi(string(data[at+20 : at+stampLength]))
		check(err)
		if receiver == stream {
			a.tookMs = append(a.tookMs, float64(now-sent)/1e6)
		}
		data = data[at+stampLength:]
	}
}

// idleAskers are the connections without a request, by the server that they lead to.
type idleAskers [][]*asker

func (idle idleAskers) add(a *asker) {
	at := a.id % len(idle)
	idle[at] = append(idle[at], a)
}

// takeFor a message to this stream: one to a server that does not have it, where there are several. Nil: all are busy.
func (idle idleAskers) takeFor(stream int) *asker {
	first := rand.IntN(len(idle))
	for n := range idle {
		at := (first + n) % len(idle)
		isOther := at != stream%len(idle) || len(idle) == 1
		if last := len(idle[at]) - 1; isOther && last >= 0 {
			a := idle[at][last]
			idle[at] = idle[at][:last]
			return a
		}
	}
	return nil
}

// latency: messages at a steady pace, whatever the answers do, and how long each was under way from the
// moment when it was due until the other side's stream had it. Request n is for stream 2n + 1.
// Where there are several servers, one that does not have this stream is asked.
func latency(spec *Spec) map[string]any {
	c := newCrowd(spec)
	opening := begin(spec)
	openedPerSecond := float64(spec.Streams) / c.openUpTo(spec.Streams)
	opening.pause()
	c.idle(time.Second)
	arrived := &arrivals{rest: make([][]byte, spec.Streams)}
	c.onData = arrived.received
	prepared := prepare(spec)
	idle := make(idleAskers, len(spec.Addrs))
	var answeredMs []float64
	dues := make([]time.Time, spec.Clients)
	for n := range spec.Clients {
		a := newAsker(c.poller, spec, n)
		a.answered = func(int) {
			answeredMs = append(answeredMs, milliseconds(time.Since(dues[n])))
			idle.add(a)
		}
		idle.add(a)
	}
	total, late := int(spec.PerSec*spec.Seconds), 0
	watch := begin(spec)
	began := time.Now()
	dueAt := func(i int) time.Time { return began.Add(time.Duration(float64(i) / spec.PerSec * 1e9)) }
	for i := 0; i < total; {
		due := dueAt(i)
		if ahead := time.Until(due); ahead > 0 {
			c.poll(ahead)
			continue
		}
		n := rand.IntN(len(prepared))
		a := idle.takeFor(2*n + 1)
		if a == nil { // each has a request under way: this one waits, and its time runs
			late++
			for a == nil {
				c.poll(time.Second)
				a = idle.takeFor(2*n + 1)
			}
		}
		prepared[n].stamp(due, 2*n+1)
		dues[a.id] = due
		a.ask(prepared[n])
		i++
		c.poll(0)
	}
	for until := time.Now().Add(5 * time.Second); len(arrived.tookMs) < total && time.Now().Before(until); {
		c.poll(100 * time.Millisecond)
	}
	found := map[string]any{
		"openedPerSecond": openedPerSecond,
		"sent":            total,
		"arrived":         len(arrived.tookMs),
		"waited":          late, // for a connection of the load's
	}
	opening.into(found, "opening")
	watch.into(found, "")
	found["closedAt"] = now()
	c.close()
	sort.Float64s(arrived.tookMs)
	sort.Float64s(answeredMs)
	found["answered50Ms"] = quantile(answeredMs, 0.5)
	found["answered99Ms"] = quantile(answeredMs, 0.99)
	found["p50Ms"] = quantile(arrived.tookMs, 0.5)
	found["p99Ms"] = quantile(arrived.tookMs, 0.99)
	found["p999Ms"] = quantile(arrived.tookMs, 0.999)
	return found
}
