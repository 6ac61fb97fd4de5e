// Load puts a server under load, and says what came of it. One JSON object in, one out:
//
//	load streams|latency|requests|reconnect < spec.json
//
// Streams are read by one thread on one epoll, so that the load itself takes little of the machine;
// `cpuSeconds` of `wallSeconds` in each answer shows how little.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"syscall"
	"time"
)

// Spec is what is asked for; each command reads its own part of it.
type Spec struct {
	Addr string `json:"addr"` // 127.0.0.1:port
	Pids []int  `json:"pids"` // of the server, for its memory and time

	// streams, latency, reconnect
	Open    []string `json:"open"`    // requests that open streams, in turn
	Streams int      `json:"streams"` // how many are opened
	AtOnce  int      `json:"atOnce"`  // of those, how many are under way
	Opened  string   `json:"opened"`  // a stream is open when this has come
	Publish string   `json:"publish"` // a request whose message reaches all streams
	Times   int      `json:"times"`   // how often it is sent
	PauseMs int      `json:"pauseMs"` // between

	// requests: {uuid} is replaced by a fresh one. latency: {stamp} by the time and the receiver.
	Requests []string `json:"requests"`
	Clients  int      `json:"clients"` // connections, each with one request at a time
	Seconds  float64  `json:"seconds"`
	PerSec   float64  `json:"perSecond"` // latency: requests, whatever the answers do
}

func main() {
	if len(os.Args) != 2 {
		fail("usage: load streams|latency|requests|reconnect < spec.json")
	}
	var spec Spec
	if err := json.NewDecoder(os.Stdin).Decode(&spec); err != nil {
		fail(err.Error())
	}
	commands := map[string]func(*Spec) map[string]any{
		"streams": streams, "latency": latency, "requests": requests, "reconnect": reconnect,
	}
	command, known := commands[os.Args[1]]
	if !known {
		fail("no such command: " + os.Args[1])
	}
	began, cpu := time.Now(), cpuSeconds()
	found := command(&spec)
	found["wallSeconds"] = time.Since(began).Seconds()
	found["cpuSeconds"] = cpuSeconds() - cpu
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		fail(err.Error())
	}
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

func median(values []float64) float64 {
	sorted := append([]float64(nil), values...)
	sort.Float64s(sorted)
	return quantile(sorted, 0.5)
}

func milliseconds(d time.Duration) float64 { return float64(d) / 1e6 }
