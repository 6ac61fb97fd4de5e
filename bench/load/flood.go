package main

import (
	"bytes"
	"strconv"
	"syscall"
	"time"
)

// flooder asks as fast as it is answered, whatever the answers say.
type flooder struct {
	*flood
	id   int
	file int // or -1
	next int
	owed int // answers
	came []byte
}

type flood struct {
	*poller
	spec     *Spec
	requests [][]byte
	prepared []*request
	answers  map[string]int // by status
	dialled  int
	over     bool
	again    []*flooder // whose connection is to be made
}

// floods: so many clients of one user, each on a connection, with `pipelined` requests under way; where they are
// `fresh`, each of those connections is closed at the first bytes of an answer; to `hangUp` is not to wait for them.
func floods(spec *Spec) map[string]any {
	f := &flood{poller: newPoller(), spec: spec, answers: map[string]int{}}
	f.prepared = prepare(spec)
	for n := range spec.Clients {
		f.again = append(f.again, &flooder{flood: f, id: n, file: -1, next: n})
	}
	watch := begin(spec)
	began := time.Now()
	for until := began.Add(time.Duration(spec.Seconds * 1e9)); time.Now().Before(until); {
		again := f.again
		f.again = nil
		for _, one := range again {
			one.connect()
		}
		patience := 100 * time.Millisecond
		if len(f.again) > 0 {
			patience = time.Millisecond
		}
		f.poll(patience)
	}
	f.over = true
	seconds := time.Since(began).Seconds()
	found := map[string]any{"answers": f.answers, "connections": f.dialled}
	sum := 0
	for _, n := range f.answers {
		sum += n
	}
	found["perSecond"] = float64(sum) / seconds
	watch.into(found, "")
	return found
}

func (o *flooder) connect() {
	file, made := o.dial(address(o.spec, o.id), o, o.id)
	if !made {
		o.again = append(o.again, o)
		return
	}
	o.dialled++
	o.file, o.owed, o.came = file, 0, o.came[:0]
	o.ask()
}

func (o *flooder) ask() {
	for o.owed < max(1, o.spec.Pipelined) {
		r := o.prepared[o.next%len(o.prepared)]
		o.next++
		r.renew()
		_, err := syscall.Write(o.file, r.bytes)
		if err != nil {
			o.close()
			return
		}
		o.owed++
	}
	if o.spec.HangUp {
		o.answers["none"]++
		o.close()
	}
}

func (o *flooder) close() {
	if o.file >= 0 {
		syscall.Close(o.file)
		o.file = -1
		if !o.over {
			o.again = append(o.again, o)
		}
	}
}

func (o *flooder) received(_ int, data []byte) {
	if data == nil {
		if o.file >= 0 { // closed by the poller
			o.file = -1
			o.again = append(o.again, o)
		}
		return
	}
	if o.file < 0 {
		return
	}
	o.came = append(o.came, data...)
	if o.spec.Fresh {
		if len(o.came) > 12 {
			o.answers[string(o.came[9:12])]++
			o.close()
		}
		return
	}
	for {
		length := lengthOf(o.came)
		if length < 0 || len(o.came) < length {
			return
		}
		o.answers[string(o.came[9:12])]++
		o.came = o.came[:copy(o.came, o.came[length:])]
		o.owed--
		if o.owed == 0 {
			o.ask()
			return
		}
	}
}

// lengthOf the first answer, or -1 where that is not known yet.
func lengthOf(came []byte) int {
	end := bytes.Index(came, blankLine)
	if end < 0 {
		return -1
	}
	for _, name := range lengths {
		if at := bytes.Index(came[:end], name); at >= 0 {
			text, _, _ := bytes.Cut(came[at+len(name):end+2], []byte("\r"))
			length, err := strconv.Atoi(string(text))
			check(err)
			return end + 4 + length
		}
	}
	return end + 4
}
