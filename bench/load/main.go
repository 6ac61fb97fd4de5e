// Load puts a server under load, and says what came of it. One JSON object in, one out:
//
//	load streams|latency|requests|reconnect|flood|group|beside < spec.json
//
// All sockets are read by one thread on one epoll, requests are made beforehand, and what is due all at once is
// read in batches, so that the load itself takes little of the machine: `loadShare` in each answer shows how little.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
	"time"
)

// Spec is what is asked for; each command reads its own part of it.
type Spec struct {
	// 127.0.0.1:port of each server. Stream n and client n connect to address n mod their number.
	Addrs []string `json:"addrs"`
	Pids  []int    `json:"pids"` // of the servers, for their memory and time

	// streams, latency, reconnect
	Open    []string `json:"open"`    // requests that open streams, in turn
	Streams int      `json:"streams"` // how many are opened
	Steps   []int    `json:"steps"`   // with a look at the server's memory when so many are; none: at the end
	AtOnce  int      `json:"atOnce"`  // of those, how many are under way
	Opened  string   `json:"opened"`  // a stream is open when this has come
	Times   int      `json:"times"`   // reconnect: messages that reach all streams

	// requests: {uuid} becomes a fresh one. latency: {stamp} becomes the time and the receiver.
	Requests []string `json:"requests"`
	Clients  int      `json:"clients"` // connections, each with one request at a time
	Seconds  float64  `json:"seconds"`
	PerSec   float64  `json:"perSecond"` // latency: requests, whatever the answers do

	// flood: Requests, Clients, Seconds and
	Pipelined int  `json:"pipelined"` // requests that a client sends before it waits for answers
	Fresh     bool `json:"fresh"`     // a connection for each request …
	HangUp    bool `json:"hangUp"`    // … which is closed as soon as it is sent

	// group: Open, Streams, Requests, Clients, Seconds and Times, of messages one by one
	// beside: Requests, Clients, Seconds, PerSec and
	Paced []string `json:"paced"` // requests in turn, at a steady pace
}

func main() {
	if len(os.Args) != 2 {
		fail("usage: load streams|latency|requests|reconnect|flood|group|beside < spec.json")
	}
	var spec Spec
	if err := json.NewDecoder(os.Stdin).Decode(&spec); err != nil {
		fail(err.Error())
	}
	if len(spec.Steps) == 0 {
		spec.Steps = []int{spec.Streams}
	}
	debug.SetGCPercent(-1) // what it allocates is little, and a pause would be the server's
	debug.SetMemoryLimit(1 << 30)
	commands := map[string]func(*Spec) map[string]any{
		"streams": streams, "latency": latency, "requests": requests, "reconnect": reconnect,
		"flood": floods, "group": group, "beside": beside,
	}
	command, known := commands[os.Args[1]]
	if !known {
		fail("no such command: " + os.Args[1])
	}
	check(json.NewEncoder(os.Stdout).Encode(command(&spec)))
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, "load:", why)
	os.Exit(1)
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

// watch measures which share of a core the load and the server had, while it is not paused.
type watch struct {
	spec              *Spec
	began             time.Time
	own, theirs       float64
	sumOwn, sumTheirs float64
	sumSeconds        float64
	paused            bool
}

func begin(spec *Spec) *watch {
	w := &watch{spec: spec}
	w.resume()
	return w
}

func (w *watch) pause() {
	if w.paused {
		return
	}
	w.sumSeconds += time.Since(w.began).Seconds()
	w.sumOwn += cpuSeconds() - w.own
	w.sumTheirs += serverSeconds(w.spec.Pids) - w.theirs
	w.paused = true
}

func (w *watch) resume() {
	w.began, w.own, w.theirs, w.paused = time.Now(), cpuSeconds(), serverSeconds(w.spec.Pids), false
}

// into pauses, and writes `loadShare` and `serverShare`, or with a prefix.
func (w *watch) into(found map[string]any, prefix string) {
	w.pause()
	load, server := "loadShare", "serverShare"
	if prefix != "" {
		load, server = prefix+"LoadShare", prefix+"ServerShare"
	}
	found[load], found[server] = w.sumOwn/w.sumSeconds, w.sumTheirs/w.sumSeconds
}

// residentBytes is the memory of all the server's processes: its own pages, and shared ones once for each.
func residentBytes(pids []int) int64 {
	var sum int64
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		check(err)
		var size, resident int64
		fmt.Sscan(string(text), &size, &resident)
		sum += resident * int64(os.Getpagesize())
	}
	return sum
}

// serverSeconds is the processor time that the server's processes have had.
func serverSeconds(pids []int) float64 {
	var ticks float64
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		check(err)
		end := 0
		for i, c := range text {
			if c == ')' {
				end = i
			}
		}
		var state string
		var skip, user, system float64
		fmt.Sscan(string(text[end+1:]), &state, &skip, &skip, &skip, &skip, &skip, &skip, &skip,
			&skip, &skip, &skip, &user, &system)
		ticks += user + system
	}
	return ticks / 100
}

// quantile of sorted milliseconds.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return -1
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// now as Python's time.time() has it.
func now() float64 { return float64(time.Now().UnixNano()) / 1e9 }

func milliseconds(d time.Duration) float64 { return float64(d) / 1e6 }
