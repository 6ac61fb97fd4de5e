package main

import (
	"sort"
	"time"
)

// group: each request is a message with one mark, which all streams get. First one at a time: how long until the
// answer, and until the first and the last stream have it. Then from many clients at once: how many are answered,
// and how many have come to all streams, in a second.
func group(spec *Spec) map[string]any {
	c := newCrowd(spec)
	c.openUpTo(spec.Streams)
	c.idle(500 * time.Millisecond)
	prepared := prepare(spec)
	found := map[string]any{}
	oneByOne(spec, c, prepared, found)
	together(spec, c, prepared, found)
	found["closedAt"] = now()
	c.close()
	return found
}

func oneByOne(spec *Spec, c *crowd, prepared []*request, found map[string]any) {
	var began, answeredAt, firstAt, lastAt time.Time
	a := newAsker(c.poller, spec, 0)
	a.answered = func(int) { answeredAt = time.Now() }
	before := 0
	c.onData = func(int, []byte) {
		if c.marks > before && firstAt.IsZero() {
			firstAt = time.Now()
		}
		if c.marks == before+spec.Streams {
			lastAt = time.Now()
		}
	}
	var answered, first, last []float64
	for n := -warmUp; n < spec.Times; n++ {
		before, firstAt, lastAt = c.marks, time.Time{}, time.Time{}
		began = time.Now()
		a.ask(prepared[(n+warmUp)%len(prepared)])
		for a.waiting || lastAt.IsZero() {
			c.poll(time.Second)
			inTime(began, "a message did not come to all streams")
		}
		if n >= 0 {
			answered = append(answered, milliseconds(answeredAt.Sub(began)))
			first = append(first, milliseconds(firstAt.Sub(began)))
			last = append(last, milliseconds(lastAt.Sub(began)))
		}
		c.idle(2 * time.Millisecond)
	}
	a.close()
	c.onData = nil
	for name, took := range map[string][]float64{"answered": answered, "first": first, "last": last} {
		sort.Float64s(took)
		found[name+"50Ms"], found[name+"99Ms"] = quantile(took, 0.5), quantile(took, 0.99)
	}
}

const warmUp = 5 // messages

func together(spec *Spec, c *crowd, prepared []*request, found map[string]any) {
	askers := make([]*asker, spec.Clients)
	answered, asking, over := 0, 0, false
	for n := range askers {
		a := newAsker(c.poller, spec, n)
		a.answered = func(int) {
			answered++
			asking--
			if !over {
				asking++
				a.ask(prepared[n%len(prepared)])
			}
		}
		askers[n] = a
	}
	before := c.marks
	for n, a := range askers {
		asking++
		a.ask(prepared[n%len(prepared)])
	}
	pollFor := func(d time.Duration) {
		for until := time.Now().Add(d); time.Now().Before(until); {
			c.poll(time.Until(until))
		}
	}
	pollFor(time.Duration(spec.Seconds / 5 * 1e9))
	watch := begin(spec)
	answeredBefore, marksBefore, began := answered, c.marks, time.Now()
	pollFor(time.Duration(spec.Seconds * 1e9))
	seconds := time.Since(began).Seconds()
	found["perSecond"] = float64(answered-answeredBefore) / seconds
	found["deliveredPerSecond"] = float64(c.marks-marksBefore) / seconds
	watch.into(found, "")
	over = true
	for until := time.Now().Add(20 * time.Second); asking > 0 && time.Now().Before(until); {
		c.poll(time.Second)
	}
	c.untilMarks(before+answered*spec.Streams, 10*time.Second)
	found["neverDelivered"] = before + answered*spec.Streams - c.marks
	for _, a := range askers {
		a.close()
	}
}

// beside: how long paced requests take alone, and while clients ask all the time.
func beside(spec *Spec) map[string]any {
	p := newPoller()
	prepared := prepare(spec)
	spec.Requests = spec.Paced
	paced := prepare(spec)
	steady := func(seconds float64) []float64 {
		var took []float64
		var sent time.Time
		a := newAsker(p, spec, 0)
		a.answered = func(int) { took = append(took, milliseconds(time.Since(sent))) }
		began := time.Now()
		for n := range int(seconds * spec.PerSec) {
			due := began.Add(time.Duration(float64(n) / spec.PerSec * 1e9))
			if time.Since(began).Seconds() > seconds {
				break // each waits for the one before it
			}
			for a.waiting || time.Now().Before(due) {
				p.poll(max(time.Until(due), time.Millisecond))
			}
			sent = time.Now()
			a.ask(paced[n%len(paced)])
		}
		for a.waiting {
			p.poll(time.Second)
		}
		a.close()
		sort.Float64s(took)
		return took
	}
	steady(0.5)
	alone := steady(spec.Seconds)
	answered, asking, over := 0, 0, false
	for n := range spec.Clients {
		a := newAsker(p, spec, n)
		a.answered = func(int) {
			answered++
			asking--
			if !over {
				asking++
				a.ask(prepared[n%len(prepared)])
			}
		}
		asking++
		a.ask(prepared[n%len(prepared)])
	}
	began := time.Now()
	crowded := steady(spec.Seconds)
	perSecond := float64(answered) / time.Since(began).Seconds()
	over = true
	for asking > 0 {
		p.poll(time.Second)
		inTime(began, "requests have no answer")
	}
	return map[string]any{
		"alone50Ms": quantile(alone, 0.5), "alone99Ms": quantile(alone, 0.99),
		"beside50Ms": quantile(crowded, 0.5), "beside99Ms": quantile(crowded, 0.99),
		"perSecond": perSecond,
	}
}
