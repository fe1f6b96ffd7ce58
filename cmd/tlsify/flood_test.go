package main

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"slices"
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
	headed := append([]byte{22, 3, 1, 0, byte(len(noise))}, noise...)
	first := append([]byte{22, 3, 1, 0, byte(len(noise)), 1}, noise[1:]...)
	return []flood{
		{"one byte", []byte("x"), false, false, false},
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), false, false, false},
		{"random bytes", noise, false, false, false},
		{"random bytes behind a TLS header", headed, false, false, false},
		{"half a hello", whole[:len(whole)/2], true, false, false},
		{"a hello and silence", whole, true, false, false},
		{"the end after ServerHello", whole, true, true, false},
		{"a hello of random bytes", first, true, true, true},
	}
}

type flood struct {
	name   string
	says   []byte
	isTLS  bool
	leaves bool // when the first byte of an answer is there
	slow   bool // not without being asked for more
}

// An honest client's visit while hostile ones come, beside one without them, and
// what each of those costs the listener. `make crowd` has floods of 5,000, with
// the program as it is built, and stunnel's turn after each of ours, for
// TLSIFY_ROUNDS rounds.
func TestFlood(t *testing.T) {
	size := number(os.Getenv("TLSIFY_FLOOD"), floodSize)
	if size == floodSize {
		t.Parallel()
	}
	crowd := crowdSize
	if size > floodSize {
		crowd = size
	}
	hosts, names := map[string]crowdHost{"tlsify": crowdOfTlsify(t, crowd)}, []string{"tlsify"}
	if size > floodSize {
		hosts["stunnel"], names = crowdOfStunnel(t), append(names, "stunnel")
	}
	ratios, costs := map[string][]float64{}, map[string][]time.Duration{}
	list := floods(t)
	if size == floodSize {
		list = slices.DeleteFunc(list, func(f flood) bool { return f.slow })
	}
	for range number(os.Getenv("TLSIFY_ROUNDS"), 1) {
		for _, f := range list {
			for _, name := range names {
				t.Run(strings.ReplaceAll(f.name, " ", "-")+"/"+name, func(t *testing.T) {
					ratio, cost := f.against(t, size, hosts[name])
					key := name + "/" + f.name
					ratios[key], costs[key] = append(ratios[key], ratio), append(costs[key], cost)
				})
			}
		}
	}
	most := 5 * time.Millisecond // of a test program that has much else to do
	if size > floodSize {
		most = time.Millisecond
	}
	for _, f := range list {
		for _, name := range names {
			ratio, cost := ratios[name+"/"+f.name], costs[name+"/"+f.name]
			if len(ratio) == 0 {
				continue // not run
			}
			slices.Sort(ratio)
			slices.Sort(cost)
			t.Logf("%d of %s, %s: medians %.2f times the visit alone, %v each", size, f.name, name, ratio[len(ratio)/2], cost[len(cost)/2])
			if name == "tlsify" && !f.isTLS && cost[len(cost)/2] > most {
				t.Errorf("%s: each costs %v", f.name, cost[len(cost)/2])
			}
		}
	}
}

// against is one flood of a host: an honest visit's time by that before it, and
// what each hostile one has cost the host's process of the processor.
func (f flood) against(t *testing.T, size int, host crowdHost) (ratio float64, cost time.Duration) {
	alone := visits(t, "alone", host, clientConfig(t))
	before := processorTime(t, host.pid)
	stop, over := make(chan struct{}), make(chan struct{})
	go func() { f.run(size, host.address, stop); close(over) }()
	time.Sleep(200 * time.Millisecond)
	under := visits(t, "in the flood", host, clientConfig(t))
	<-over
	ratio = float64(under.median) / float64(alone.median)
	cost = ((processorTime(t, host.pid) - before) / time.Duration(size)).Round(time.Microsecond)
	close(stop)
	if size > floodSize {
		time.Sleep(2 * time.Second) // what has begun comes to its end
	}
	t.Logf("a visit takes %v, alone %v: %.2f times; each of %d took %v of the processor", under, alone, ratio, size, cost)
	return ratio, cost
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
