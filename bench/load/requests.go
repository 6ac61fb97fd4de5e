package main

import (
	"bytes"
	"math/rand/v2"
	"sort"
	"strconv"
	"syscall"
	"time"
)

// request is the bytes of one, and where in them something is written each time that it is sent.
type request struct {
	bytes   []byte
	uuidAt  int // or -1
	stampAt int // or -1
}

const stampLength = 26 // ~, 19 digits of nanoseconds, and 6 of a stream

func newRequest(text string) *request {
	r := &request{bytes: []byte(text)}
	r.stampAt = r.makeRoom("{stamp}", stampLength)
	r.uuidAt = r.makeRoom("{uuid}", 36)
	if 0 <= r.uuidAt && r.uuidAt < r.stampAt {
		r.stampAt += 36 - len("{uuid}")
	}
	return r
}

// makeRoom in place of the name, and return where, or -1.
func (r *request) makeRoom(name string, length int) int {
	at := bytes.Index(r.bytes, []byte(name))
	if at >= 0 {
		before, after := r.bytes[:at], r.bytes[at+len(name):]
		r.bytes = bytes.Join([][]byte{before, bytes.Repeat([]byte("0"), length), after}, nil)
	}
	return at
}

const hex = "0123456789abcdef"

// renew writes a fresh UUID, where the request has one.
func (r *request) renew() {
	if r.uuidAt < 0 {
		return
	}
	text := r.bytes[r.uuidAt : r.uuidAt+36]
	var bits uint64
	for i := range text {
		if i%16 == 0 {
			bits = rand.Uint64()
		}
		text[i] = hex[bits&15]
		bits >>= 4
	}
	text[8], text[13], text[14], text[18], text[19], text[23] = '-', '-', '4', '-', '8', '-'
}

// stamp writes when it was due and which stream is to have it.
func (r *request) stamp(due time.Time, stream int) {
	digits(r.bytes[r.stampAt+1:r.stampAt+20], int(due.UnixNano()))
	digits(r.bytes[r.stampAt+20:r.stampAt+26], stream)
	r.bytes[r.stampAt] = mark
}

func digits(text []byte, n int) {
	for i := len(text) - 1; i >= 0; i-- {
		text[i] = byte('0' + n%10)
		n /= 10
	}
}

// asker is a connection that is kept alive, and has one request at a time. Anything but a 2xx ends
// the run.
type asker struct {
	*poller
	file     int
	id       int
	waiting  bool
	answer   []byte // so far
	answered func(id int)
}

func newAsker(p *poller, spec *Spec, id int) *asker {
	a := &asker{poller: p, id: id}
	file, made := p.dial(address(spec, id), a, 0)
	if !made {
		fail("nobody listens at " + spec.addr(id))
	}
	a.file = file
	return a
}

func (a *asker) ask(r *request) {
	r.renew()
	a.waiting, a.answer = true, a.answer[:0]
	if !send(a.file, r.bytes) {
		fail("the connection was closed before a request")
	}
}

func (a *asker) close() { syscall.Close(a.file) }

func (a *asker) received(_ int, data []byte) {
	if data == nil {
		fail("the server closed a connection: " + string(a.answer))
	}
	a.answer = append(a.answer, data...)
	if !isWhole(a.answer) {
		return
	}
	if a.answer[9] != '2' {
		fail(string(a.answer))
	}
	a.waiting = false
	if a.answered != nil {
		a.answered(a.id)
	}
}

var (
	blankLine = []byte("\r\n\r\n")
	lengths   = [][]byte{[]byte("\r\nContent-Length: "), []byte("\r\ncontent-length: ")}
	lastChunk = []byte("\r\n0\r\n\r\n")
)

// isWhole tells whether an answer has come to its end: no other follows it, since one is asked at a time.
func isWhole(answer []byte) bool {
	end := bytes.Index(answer, blankLine)
	if end < 0 {
		return false
	}
	for _, name := range lengths {
		if at := bytes.Index(answer[:end], name); at >= 0 {
			length := 0
			for _, c := range answer[at+len(name):] {
				if c < '0' || c > '9' {
					break
				}
				length = 10*length + int(c-'0')
			}
			return len(answer) >= end+4+length
		}
	}
	if bytes.Contains(answer[:end], []byte("chunked")) {
		return bytes.HasSuffix(answer, lastChunk)
	}
	return true // 204
}

// requests: so many clients ask, one request after the other each, for a while.
func requests(spec *Spec) map[string]any {
	p := newPoller()
	prepared := prepare(spec)
	began := time.Now()
	warm := began.Add(time.Duration(spec.Seconds / 5 * 1e9))
	until := warm.Add(time.Duration(spec.Seconds * 1e9))
	sent := make([]time.Time, spec.Clients)
	next := make([]int, spec.Clients)
	askers := make([]*asker, spec.Clients)
	took := make([]float64, 0, 1<<16)
	asking := 0
	ask := func(n int) {
		r := prepared[next[n]%len(prepared)]
		next[n] += spec.Clients
		sent[n] = time.Now()
		askers[n].ask(r)
		asking++
	}
	answered := func(n int) {
		now := time.Now()
		asking--
		if sent[n].After(warm) {
			took = append(took, milliseconds(now.Sub(sent[n])))
		}
		if now.Before(until) {
			ask(n)
		}
	}
	for n := range askers {
		askers[n] = newAsker(p, spec, n)
		askers[n].answered = answered
		next[n] = n
	}
	for n := range askers {
		ask(n)
	}
	var watch *watch
	for asking > 0 {
		p.poll(time.Second)
		if watch == nil && time.Now().After(warm) {
			watch = begin(spec)
		}
		if time.Now().After(until.Add(20 * time.Second)) {
			fail(strconv.Itoa(asking) + " requests have no answer after 20 seconds")
		}
	}
	sort.Float64s(took)
	found := map[string]any{
		"perSecond": float64(len(took)) / spec.Seconds,
		"p50Ms":     quantile(took, 0.5),
		"p99Ms":     quantile(took, 0.99),
	}
	if watch != nil {
		watch.into(found, "")
	}
	return found
}

func prepare(spec *Spec) []*request {
	prepared := make([]*request, len(spec.Requests))
	for i, text := range spec.Requests {
		prepared[i] = newRequest(text)
	}
	return prepared
}
