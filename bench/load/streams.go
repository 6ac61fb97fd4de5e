package main

import (
	"bytes"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// mark is in each message once, and in nothing else that a stream carries.
const mark = '~'

// crowd is many open streams.
type crowd struct {
	*poller
	spec   *Spec
	opened []byte
	files  []int    // by stream: its descriptor, or -1
	heads  [][]byte // by stream: what came while it was opening, where that took several reads
	isOpen []bool
	lastID []string
	open   int
	closed int
	marks  int // seen in all
	onData func(stream int, data []byte)
}

func newCrowd(spec *Spec) *crowd {
	c := &crowd{poller: newPoller(), spec: spec, opened: []byte(spec.Opened)}
	c.files = make([]int, spec.Streams)
	c.heads = make([][]byte, spec.Streams)
	c.isOpen = make([]bool, spec.Streams)
	c.lastID = make([]string, spec.Streams)
	for i := range c.files {
		c.files[i] = -1
	}
	return c
}

// addr is the server's that has stream n, or client n.
func (spec *Spec) addr(n int) string { return spec.Addrs[n%len(spec.Addrs)] }

func address(spec *Spec, n int) *syscall.SockaddrInet4 {
	host, port, err := net.SplitHostPort(spec.addr(n))
	check(err)
	number, err := strconv.Atoi(port)
	check(err)
	address := syscall.SockaddrInet4{Port: number}
	copy(address.Addr[:], net.ParseIP(host).To4())
	return &address
}

// connect begins a stream; `header` goes in front of the others. False: nobody listens.
func (c *crowd) connect(stream int, header string) bool {
	file, made := c.dial(address(c.spec, stream), c, stream)
	if !made {
		return false
	}
	request := c.spec.Open[stream%len(c.spec.Open)]
	if header != "" {
		line, rest, _ := strings.Cut(request, "\r\n")
		request = line + "\r\n" + header + "\r\n" + rest
	}
	if !send(file, []byte(request)) {
		syscall.Close(file)
		return false
	}
	c.files[stream] = file
	return true
}

// openUpTo so many; what it returns is the seconds that it took.
func (c *crowd) openUpTo(streams int) float64 {
	began, begun := time.Now(), c.open
	for c.open < streams {
		for begun < streams && begun-c.open < c.spec.AtOnce {
			if !c.connect(begun, "") {
				fail("nobody listens at " + c.spec.addr(begun))
			}
			begun++
			if begun%16 == 0 {
				c.poll(0)
			}
		}
		nap()
		c.poll(time.Second)
		inTime(began, "some streams are not open")
	}
	return time.Since(began).Seconds()
}

func (c *crowd) received(stream int, data []byte) {
	switch {
	case data == nil:
		c.files[stream] = -1
		c.closed++
		if c.isOpen[stream] {
			c.isOpen[stream] = false
			c.open--
		}
	case !c.isOpen[stream]:
		c.opening(stream, data)
	default:
		c.marks += bytes.Count(data, []byte{mark})
		if c.onData != nil {
			c.onData(stream, data)
		}
	}
}

func (c *crowd) opening(stream int, data []byte) {
	head := data
	if c.heads[stream] != nil {
		head = append(c.heads[stream], data...)
		c.heads[stream] = nil
	}
	if !bytes.Contains(head, c.opened) {
		if len(head) > 1<<14 {
			fail("a stream did not open: " + string(head[:200]))
		}
		c.heads[stream] = append([]byte(nil), head...)
		return
	}
	if !bytes.HasPrefix(head[9:], []byte("200")) {
		fail("a stream was refused: " + string(head))
	}
	c.lastID[stream] = lastID(head, c.lastID[stream])
	c.marks += bytes.Count(head, []byte{mark})
	c.isOpen[stream] = true
	c.open++
}

func lastID(text []byte, before string) string {
	at := bytes.LastIndex(text, []byte("\nid: "))
	if at < 0 {
		return before
	}
	id, _, whole := bytes.Cut(text[at+5:], []byte("\n"))
	if !whole {
		return before
	}
	return string(id)
}

// untilMarks returns when so many have come in all, and whether they have.
func (c *crowd) untilMarks(number int, patience time.Duration) bool {
	until := time.Now().Add(patience)
	for c.marks < number && time.Now().Before(until) {
		nap()
		c.poll(100 * time.Millisecond)
	}
	return c.marks >= number
}

func (c *crowd) idle(d time.Duration) {
	for until := time.Now().Add(d); time.Now().Before(until); {
		c.poll(time.Until(until))
	}
}

func (c *crowd) close() {
	for _, file := range c.files {
		if file >= 0 {
			syscall.Close(file)
		}
	}
}

// streams: opening, in steps, with a look at the server's memory after each.
func streams(spec *Spec) map[string]any {
	c := newCrowd(spec)
	var seconds float64
	var resident []int64
	watch := begin(spec)
	for _, step := range spec.Steps {
		seconds += c.openUpTo(step)
		watch.pause()
		c.idle(1500 * time.Millisecond)
		resident = append(resident, residentBytes(spec.Pids))
		watch.resume()
	}
	found := map[string]any{
		"openedPerSecond": float64(spec.Streams) / seconds,
		"residentBytes":   resident,
	}
	watch.into(found, "opening")
	found["closedAt"] = now()
	c.close()
	return found
}
