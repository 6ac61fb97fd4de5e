package main

import (
	"bytes"
	"net"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// mark is in each message once, and in nothing else that a stream carries.
const mark = '~'

// crowd is many open streams on one epoll.
type crowd struct {
	spec    *Spec
	address syscall.SockaddrInet4
	epoll   int
	files   []int       // by stream: its descriptor, or -1
	streams map[int]int // by descriptor: the stream
	heads   [][]byte    // by stream: what has come before it was open; nil when it is
	lastID  []string
	open    int
	closed  int
	marks   int // seen in all
	buffer  []byte
	onData  func(stream int, data []byte)
}

func newCrowd(spec *Spec) *crowd {
	runtime.LockOSThread()
	host, port, err := net.SplitHostPort(spec.Addr)
	check(err)
	number, err := strconv.Atoi(port)
	check(err)
	epoll, err := syscall.EpollCreate1(0)
	check(err)
	c := &crowd{spec: spec, epoll: epoll, streams: map[int]int{}, buffer: make([]byte, 1<<16)}
	c.address.Port = number
	copy(c.address.Addr[:], net.ParseIP(host).To4())
	c.files = make([]int, spec.Streams)
	c.heads = make([][]byte, spec.Streams)
	c.lastID = make([]string, spec.Streams)
	for i := range c.files {
		c.files[i] = -1
	}
	return c
}

// connect begins a stream; `header` goes in front of the others. False: nobody listens.
func (c *crowd) connect(stream int, header string) bool {
	file, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	check(err)
	// RST at the end, so that no port waits; a connection to loopback is made at once.
	syscall.SetsockoptLinger(file, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	if err := syscall.Connect(file, &c.address); err != nil {
		syscall.Close(file)
		return false
	}
	check(syscall.SetNonblock(file, true))
	request := c.spec.Open[stream%len(c.spec.Open)]
	if header != "" {
		line, rest, _ := strings.Cut(request, "\r\n")
		request = line + "\r\n" + header + "\r\n" + rest
	}
	if _, err := syscall.Write(file, []byte(request)); err != nil {
		syscall.Close(file)
		return false
	}
	c.files[stream] = file
	c.streams[file] = stream
	c.heads[stream] = []byte{}
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(file)}
	check(syscall.EpollCtl(c.epoll, syscall.EPOLL_CTL_ADD, file, &event))
	return true
}

// openAll returns the seconds that it took.
func (c *crowd) openAll() float64 {
	began, begun := time.Now(), 0
	for c.open < c.spec.Streams {
		for begun < c.spec.Streams && begun-c.open < c.spec.AtOnce {
			if !c.connect(begun, "") {
				fail("nobody listens at " + c.spec.Addr)
			}
			begun++
		}
		c.poll(1000)
		if time.Since(began) > 2*time.Minute {
			fail(strconv.Itoa(c.open) + " streams are open after 2 minutes")
		}
	}
	return time.Since(began).Seconds()
}

// poll reads what has come, for a while at most.
func (c *crowd) poll(milliseconds int) {
	var events [512]syscall.EpollEvent
	n, err := syscall.EpollWait(c.epoll, events[:], milliseconds)
	if err == syscall.EINTR {
		return
	}
	check(err)
	for _, event := range events[:n] {
		c.read(int(event.Fd))
	}
}

func (c *crowd) read(file int) {
	n, err := syscall.Read(file, c.buffer)
	if err == syscall.EAGAIN {
		return
	}
	stream := c.streams[file]
	if n <= 0 {
		syscall.Close(file)
		delete(c.streams, file)
		c.files[stream] = -1
		c.closed++
		if c.heads[stream] == nil {
			c.open--
		}
		return
	}
	data := c.buffer[:n]
	if c.heads[stream] != nil {
		c.openedBy(stream, data)
		return
	}
	c.marks += bytes.Count(data, []byte{mark})
	if c.onData != nil {
		c.onData(stream, data)
	}
}

func (c *crowd) openedBy(stream int, data []byte) {
	head := append(c.heads[stream], data...)
	c.heads[stream] = head
	if !bytes.Contains(head, []byte(c.spec.Opened)) {
		if len(head) > 1<<14 {
			fail("a stream did not open: " + string(head[:200]))
		}
		return
	}
	if !bytes.HasPrefix(head[9:], []byte("200")) {
		fail("a stream was refused: " + string(head))
	}
	c.lastID[stream] = lastID(head, c.lastID[stream])
	c.marks += bytes.Count(head, []byte{mark})
	c.heads[stream] = nil
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
		c.poll(100)
	}
	return c.marks >= number
}

func (c *crowd) idle(d time.Duration) {
	for until := time.Now().Add(d); time.Now().Before(until); {
		c.poll(max(1, int(time.Until(until).Milliseconds())))
	}
}

func (c *crowd) close() {
	for _, file := range c.files {
		if file >= 0 {
			syscall.Close(file)
		}
	}
}

// streams: opening, memory and fan-out.
func streams(spec *Spec) map[string]any {
	before := residentBytes(spec.Pids)
	c := newCrowd(spec)
	cpu := serverSeconds(spec.Pids)
	seconds := c.openAll()
	openCPU := serverSeconds(spec.Pids) - cpu
	c.idle(1500 * time.Millisecond)
	found := map[string]any{
		"openedPerSecond":    float64(spec.Streams) / seconds,
		"openingServerShare": openCPU / seconds,
		"bytesPerStream":     float64(residentBytes(spec.Pids)-before) / float64(spec.Streams),
		"residentBytes":      residentBytes(spec.Pids),
	}
	if spec.Times > 0 {
		publisher := dial(spec.Addr)
		var frames, last []float64
		cpu, own := serverSeconds(spec.Pids), cpuSeconds()
		var busy time.Duration
		for i := 0; i < spec.Times; i++ {
			expected := c.marks + spec.Streams
			posted := time.Now()
			answered := make(chan struct{})
			go func() {
				publisher.ask(fresh(spec.Publish))
				close(answered)
			}()
			if !c.untilMarks(expected, 20*time.Second) {
				fail(strconv.Itoa(expected-c.marks) + " frames never came")
			}
			took := time.Since(posted)
			busy += took
			<-answered
			frames = append(frames, float64(spec.Streams)/took.Seconds())
			last = append(last, milliseconds(took))
			c.idle(time.Duration(spec.PauseMs) * time.Millisecond)
		}
		found["framesPerSecond"] = median(frames)
		found["lastFrameMs"] = median(last)
		found["fanoutServerShare"] = (serverSeconds(spec.Pids) - cpu) / busy.Seconds()
		found["fanoutLoadShare"] = (cpuSeconds() - own) / busy.Seconds()
	}
	c.close()
	return found
}
