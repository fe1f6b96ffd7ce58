package main

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// floodSize is how many hostile connections a flood has without being asked for
// more; they come at floodRate a second.
const (
	floodSize = 150
	floodRate = 500
)

// floods are what hostile clients do, and whether it can be TLS at all.
func floods(t *testing.T) []flood {
	whole := hello(t)
	noise := make([]byte, 200)
	rand.Read(noise)
	noise[0] = 0x80
	return []flood{
		{"one byte", []byte("x"), false, false},
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), false, false},
		{"random bytes", noise, false, false},
		{"half a hello", whole[:len(whole)/2], true, false},
		{"a hello and silence", whole, true, false},
		{"the end after ServerHello", whole, true, true},
	}
}

type flood struct {
	name   string
	says   []byte
	isTLS  bool
	leaves bool // when the first byte of an answer is there
}

// An honest client's visit while hostile ones come, beside one without them, and
// what each of those costs the listener. `make crowd` has floods of 5,000, with
// the program as it is built, and stunnel beside it.
func TestFlood(t *testing.T) {
	size := number(os.Getenv("TLSIFY_FLOOD"), floodSize)
	if size == floodSize {
		t.Parallel()
	}
	crowd := crowdSize
	hosts := map[string]func() crowdHost{"tlsify": func() crowdHost { return crowdOfTlsify(t, crowd) }}
	if size > floodSize {
		crowd = size
		hosts["stunnel"] = func() crowdHost { return crowdOfStunnel(t) }
	}
	for name, start := range hosts {
		host := start()
		for _, f := range floods(t) {
			t.Run(name+"/"+strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) {
				alone := visits(t, "alone", host, clientConfig(t))
				before := processorTime(t, host.pid)
				stop, over := make(chan struct{}), make(chan struct{})
				go func() { f.run(size, host.address, stop); close(over) }()
				time.Sleep(200 * time.Millisecond)
				under := visits(t, "in the flood", host, clientConfig(t))
				<-over
				used := processorTime(t, host.pid) - before
				close(stop)
				t.Logf("%s: %d of them: a visit takes %v, alone %v: %.2f times; the process took %v of the processor for each", f.name, size,
					under, alone, float64(under.median)/float64(alone.median), (used / time.Duration(size)).Round(time.Microsecond))
				if name == "tlsify" && !f.isTLS && used/time.Duration(size) > 5*time.Millisecond {
					t.Errorf("each that cannot be TLS costs %v", used/time.Duration(size))
				}
			})
		}
	}
}

// run has size hostile clients come, from as many addresses as there may be, and
// keeps those that say something of TLS until stop.
func (f flood) run(size int, address string, stop chan struct{}) {
	var all sync.WaitGroup
	pace := time.NewTicker(time.Second / floodRate)
	defer pace.Stop()
	for i := range size {
		<-pace.C
		all.Go(func() {
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(fmt.Sprintf("127.1.%d.%d", 1+i/250%250, 1+i%250))}, Timeout: patience}
			conn, err := dialer.Dial("tcp4", address)
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(10 * time.Second))
			conn.Write(f.says)
			if f.leaves || !f.isTLS {
				conn.Read(make([]byte, 1))
				conn.Close()
				return
			}
			go func() {
				<-stop
				conn.Close()
			}()
		})
	}
	all.Wait()
}

// processorTime is what a process by itself has had of the processors.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
	const user, system, tick = 11, 12, 10 * time.Millisecond // proc(5), behind the name
	return time.Duration(number(fields[user], 0)+number(fields[system], 0)) * tick
}
