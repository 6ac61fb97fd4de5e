package main

import (
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

const (
	edges = 1 << 31 // EPOLLET, which the package has as a negative number
	gone  = syscall.EPOLLRDHUP | syscall.EPOLLHUP | syscall.EPOLLERR
)

// reader is told what a socket of its own has received, and, by nil, that it was closed.
type reader interface {
	received(id int, data []byte)
}

// poller reads many sockets on one thread, whose every call is spared that can be: an event a socket,
// one read an event, and nothing allocated.
type poller struct {
	epoll  int
	owners []owner // by descriptor
	events [4096]syscall.EpollEvent
	buffer [1 << 16]byte
}

type owner struct {
	reader reader
	id     int
}

func newPoller() *poller {
	runtime.LockOSThread()
	epoll, err := syscall.EpollCreate1(0)
	check(err)
	return &poller{epoll: epoll}
}

const (
	bindWithoutPort = 24   // IP_BIND_ADDRESS_NO_PORT
	perAddress      = 1000 // connections
)

// dial connects to loopback, where that is made at once, or refused. False: nobody listens.
//
// They come from several addresses: the kernel's search for a free port takes longer the fewer are left,
// with 19,000 from one address nearly all of the load's time.
func (p *poller) dial(address *syscall.SockaddrInet4, r reader, id int) (file int, made bool) {
	file, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	check(err)
	// RST at the end, so that no port waits.
	linger := syscall.Linger{Onoff: 1}
	check(syscall.SetsockoptLinger(file, syscall.SOL_SOCKET, syscall.SO_LINGER, &linger))
	check(syscall.SetsockoptInt(file, syscall.IPPROTO_IP, bindWithoutPort, 1))
	from := syscall.SockaddrInet4{Addr: [4]byte{127, 0, 1, byte(1 + id/perAddress)}}
	check(syscall.Bind(file, &from))
	if syscall.Connect(file, address) != nil {
		syscall.Close(file)
		return -1, false
	}
	for len(p.owners) <= file {
		p.owners = append(p.owners, make([]owner, 1+len(p.owners))...)
	}
	p.owners[file] = owner{r, id}
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | edges, Fd: int32(file)}
	check(syscall.EpollCtl(p.epoll, syscall.EPOLL_CTL_ADD, file, &event))
	return file, true
}

// send hands a small request to a socket, which has room for it. False: the other side has closed it.
func send(file int, request []byte) bool {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(file),
		uintptr(unsafe.Pointer(&request[0])), uintptr(len(request)),
		syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
	if errno == 0 && int(n) < len(request) {
		fail("a socket has no room for a request")
	}
	return errno == 0
}

// poll waits for something to come, so long at most, and reads what has.
func (p *poller) poll(patience time.Duration) {
	if patience > 0 {
		wait(p.epoll, patience)
	}
	n, err := syscall.EpollWait(p.epoll, p.events[:], 0)
	if err == syscall.EINTR {
		return
	}
	check(err)
	for i := range p.events[:n] {
		p.read(int(p.events[i].Fd), p.events[i].Events&gone != 0)
	}
}

// A read that fills its buffer may have left something, and one that knows of an end goes on to it.
func (p *poller) read(file int, ends bool) {
	of := p.owners[file]
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(file),
			uintptr(unsafe.Pointer(&p.buffer[0])), uintptr(len(p.buffer)), syscall.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == syscall.EAGAIN:
			return
		case errno != 0 || n == 0:
			syscall.Close(file)
			of.reader.received(of.id, nil)
			return
		}
		of.reader.received(of.id, p.buffer[:n])
		if int(n) < len(p.buffer) && !ends {
			return
		}
	}
}

// nap lets things come together, so that who sends them need wake nobody for each.
func nap() { wait(-1, time.Millisecond) }

// wait until the epoll has something (-1: nothing will), to the microsecond, as its own wait cannot.
func wait(epoll int, d time.Duration) {
	look := struct {
		file            int32
		events, revents int16
	}{int32(epoll), 1 /* POLLIN */, 0}
	limit := syscall.NsecToTimespec(int64(d))
	syscall.Syscall6(syscall.SYS_PPOLL,
		uintptr(unsafe.Pointer(&look)), 1, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
}
