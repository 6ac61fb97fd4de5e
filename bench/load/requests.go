package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// connection is kept alive, and has one request at a time.
type connection struct {
	conn   net.Conn
	reader *bufio.Reader
}

func dial(addr string) *connection {
	conn, err := net.Dial("tcp", addr)
	check(err)
	return &connection{conn, bufio.NewReaderSize(conn, 1<<16)}
}

// ask sends a request and reads its answer to the end. Anything but a 2xx ends the run.
func (c *connection) ask(request string) {
	_, err := io.WriteString(c.conn, request)
	check(err)
	line, err := c.reader.ReadString('\n')
	check(err)
	length, chunked := 0, false
	var head strings.Builder
	for {
		header, err := c.reader.ReadString('\n')
		check(err)
		if header == "\r\n" {
			break
		}
		head.WriteString(header)
		name, value, _ := strings.Cut(strings.TrimSpace(header), ":")
		switch strings.ToLower(name) {
		case "content-length":
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		case "transfer-encoding":
			chunked = true
		}
	}
	body := c.body(length, chunked)
	if !strings.HasPrefix(line[9:], "2") {
		fail(line + head.String() + string(body))
	}
}

func (c *connection) body(length int, chunked bool) []byte {
	if !chunked {
		body := make([]byte, length)
		_, err := io.ReadFull(c.reader, body)
		check(err)
		return body
	}
	var body []byte
	for {
		line, err := c.reader.ReadString('\n')
		check(err)
		size, err := strconv.ParseInt(strings.TrimSpace(line), 16, 32)
		check(err)
		piece := make([]byte, size+2)
		_, err = io.ReadFull(c.reader, piece)
		check(err)
		if size == 0 {
			return body
		}
		body = append(body, piece[:size]...)
	}
}

func fresh(request string) string {
	if !strings.Contains(request, "{uuid}") {
		return request
	}
	var b [16]byte
	rand.Read(b[:])
	uuid := fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
	return strings.ReplaceAll(request, "{uuid}", uuid)
}

// requests: so many clients ask, one request after the other each, for a while.
func requests(spec *Spec) map[string]any {
	var asked atomic.Int64
	var lock sync.Mutex
	var all []float64
	var clients sync.WaitGroup
	cpu, began := serverSeconds(spec.Pids), time.Now()
	warm := began.Add(time.Duration(spec.Seconds / 5 * 1e9))
	until := began.Add(time.Duration(spec.Seconds * 1.2 * 1e9))
	for n := range spec.Clients {
		clients.Add(1)
		go func() {
			defer clients.Done()
			c := dial(spec.Addr)
			defer c.conn.Close()
			var took []float64
			for i := n; i == n || time.Now().Before(until); i += spec.Clients {
				sent := time.Now()
				c.ask(fresh(spec.Requests[i%len(spec.Requests)]))
				if sent.After(warm) {
					asked.Add(1)
					took = append(took, milliseconds(time.Since(sent)))
				}
			}
			lock.Lock()
			all = append(all, took...)
			lock.Unlock()
		}()
	}
	clients.Wait()
	sort.Float64s(all)
	return map[string]any{
		"perSecond":   float64(asked.Load()) / spec.Seconds,
		"p50Ms":       quantile(all, 0.5),
		"p99Ms":       quantile(all, 0.99),
		"serverShare": (serverSeconds(spec.Pids) - cpu) / time.Since(began).Seconds(),
	}
}

// latency: messages at a steady pace, whatever the answers do, and how long each was under way to
// the other side's stream. {stamp} in a request becomes ~, 19 digits of nanoseconds, and 6 of its stream.
func latency(spec *Spec) map[string]any {
	c := newCrowd(spec)
	c.openAll()
	c.idle(time.Second)
	var took []float64
	rest := make([][]byte, spec.Streams)
	c.onData = func(stream int, data []byte) {
		now := time.Now().UnixNano()
		if rest[stream] != nil {
			data = append(rest[stream], data...)
			rest[stream] = nil
		}
		for {
			at := bytes.IndexByte(data, mark)
			if at < 0 {
				return
			}
			if len(data) < at+26 {
				rest[stream] = append([]byte(nil), data[at:]...)
				return
			}
			sent, err := strconv.ParseInt(string(data[at+1:at+20]), 10, 64)
			check(err)
			receiver, err := strconv.Atoi(string(data[at+20 : at+26]))
			check(err)
			if receiver == stream {
				took = append(took, float64(now-sent)/1e6)
			}
			data = data[at+26:]
		}
	}
	total := int(spec.PerSec * spec.Seconds)
	work := make(chan string, total)
	for range spec.Clients {
		go func() {
			conn := dial(spec.Addr)
			for request := range work {
				conn.ask(fresh(request))
			}
		}()
	}
	cpu, own, began := serverSeconds(spec.Pids), cpuSeconds(), time.Now()
	for i := 0; i < total; i++ {
		due := began.Add(time.Duration(float64(i) / spec.PerSec * 1e9))
		for time.Now().Before(due) {
			c.poll(max(1, int(time.Until(due).Milliseconds())))
		}
		n := mathrand.IntN(len(spec.Requests))
		stamp := fmt.Sprintf("~%019d%06d", due.UnixNano(), 2*n+1)
		work <- strings.ReplaceAll(spec.Requests[n], "{stamp}", stamp)
	}
	close(work)
	for until := time.Now().Add(5 * time.Second); len(took) < total && time.Now().Before(until); {
		c.poll(100)
	}
	seconds := time.Since(began).Seconds()
	c.close()
	sort.Float64s(took)
	return map[string]any{
		"sent":        total,
		"arrived":     len(took),
		"p50Ms":       quantile(took, 0.5),
		"p99Ms":       quantile(took, 0.99),
		"p999Ms":      quantile(took, 0.999),
		"serverShare": (serverSeconds(spec.Pids) - cpu) / seconds,
		"loadShare":   (cpuSeconds() - own) / seconds,
	}
}
