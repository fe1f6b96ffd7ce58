package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tlsify/engine/enginetest"
	"tlsify/engine/enginetest/wire"
)

// The network's faults, as whole processes meet them. That each engine takes
// every one of them at every byte is package enginetest's (breaks.go); here it
// is about statuses and the control channel, at some places, or with
// TLSIFY_FAULTS=all at every one.

// fiveWords are what a server in mode records says.
var fiveWords = []string{"one ", "two ", "three ", "four ", "five"}

// wireTo listens for clients of a server, and lays a wire to it for each.
func wireTo(t testing.TB, s *server, toServer, toClient wire.Course) *server {
	t.Helper()
	var mu sync.Mutex
	var wires []*wire.Wire
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, w := range wires {
			w.Cut()
		}
	})
	return &server{address: serveEach(t, "tcp4", "127.0.0.1:0", func(client net.Conn) {
		conn, err := net.Dial("tcp4", s.address)
		if err != nil {
			client.Close()
			return
		}
		mu.Lock()
		defer mu.Unlock()
		wires = append(wires, wire.Lay(client, conn, toServer, toClient))
	})}
}

// someBytes are places in a stream of so many bytes.
func someBytes(total int) (list []int) {
	step := total/5 + 1
	if os.Getenv("TLSIFY_FAULTS") == "all" {
		step = 1
	}
	for at := 0; at < total; at += step {
		list = append(list, at)
	}
	return append(list, total-20)
}

// endsWithOneOf waits for the end, which has one of these statuses and is all
// that expect asks for.
func (c *child) endsWithOneOf(statuses ...int) int {
	c.Helper()
	got := c.wait()
	if !slices.Contains(statuses, got) {
		c.Errorf("status %d, want one of %v", got, statuses)
	}
	c.expect(got)
	return got
}

// clientEngines are the engines with which to be a client.
var clientEngines = []string{"std", "utls", "pq"}

// ecdsaVaries is by how many bytes signatures of P-256, of two integers in DER,
// differ in length, but for one in thousands.
const ecdsaVaries = 6

// A network that breaks within the handshake is network-io, status 3. Only of
// a client's last bytes may it hear so late that the stream was ready.
func TestBreaksInHandshakeAsClient(t *testing.T) {
	for _, engine := range engineNames(clientEngines) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, "quiet")
			toServer, toClient := handshakeLength(t, s, engine)
			eachBreak(t, toClient, func(t *testing.T, l *launch, course wire.Course) {
				broken := wireTo(t, s, wire.Course{}, course)
				tlsify := l.start(connectTo(t, broken, "--engine", engine)...)
				if course.After >= toClient-ecdsaVaries { // this one may have been shorter
					tlsify.endsWithOneOf(3, 6)
				} else {
					tlsify.expect(3, "error (network-io|connect) .*")
				}
			})
			eachBreak(t, toServer, func(t *testing.T, l *launch, course wire.Course) {
				broken := wireTo(t, s, course, wire.Course{})
				l.start(connectTo(t, broken, "--engine", engine)...).endsWithOneOf(3, 4, 6, 7)
			})
		})
	}
}

// The same to a server, whose client ends or resets its stream at some byte.
func TestBreaksInHandshakeAsServer(t *testing.T) {
	for _, engine := range engineNames([]string{"std", "pq"}) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			total := len(hello(t)) + 60 // with Finished and what is about it
			eachBreak(t, total, func(t *testing.T, l *launch, course wire.Course) {
				client, wired := tcpPair(t)
				conn, tlsify := acceptOver(t, l, "--engine", engine)
				w := wire.Lay(wired, conn, course, wire.Course{})
				tls.Client(client, clientConfig(t)).Handshake()
				tlsify.expect(3, "error network-io .*")
				w.Cut()
			})
		})
	}
}

// eachBreak has do try a stream that ends, or is reset, at places among its
// first total bytes, until one fails: nothing is to be delivered.
func eachBreak(t *testing.T, total int, do func(*testing.T, *launch, wire.Course)) {
	for _, fault := range []wire.Fault{wire.FIN, wire.Reset} {
		for _, at := range someBytes(total) {
			if !t.Run(fmt.Sprintf("%v after %d bytes", fault, at), func(t *testing.T) {
				l := newLaunch(t)
				do(t, l, wire.Course{Fault: fault, After: at})
				if got := l.out.all(); got != "" {
					t.Errorf("on descriptor 1: %q", got)
				}
			}) {
				return
			}
		}
	}
}

// engineNames keeps of the names those of this build.
func engineNames(names []string) (list []string) {
	for _, e := range built() {
		if slices.Contains(names, e.Name()) {
			list = append(list, e.Name())
		}
	}
	return list
}

// handshakeLength is how many bytes a handshake has in each direction.
func handshakeLength(t *testing.T, s *server, engine string) (toServer, toClient int) {
	if !t.Run("whole", func(t *testing.T) {
		l := newLaunch(t)
		in := l.feed(0)
		client, wired := tcpPair(t)
		conn, err := net.Dial("tcp4", s.address)
		if err != nil {
			t.Fatal(err)
		}
		w := wire.Lay(wired, conn, wire.Course{}, wire.Course{})
		defer w.Cut()
		l.give(5, rawOf(t, client))
		tlsify := l.start(append([]string{"connect", "--engine", engine, "--net-fd", "5", "--name", enginetest.Host}, trusting(t)...)...)
		tlsify.await("ready")
		becomes(func() bool { return strings.Contains(s.notes(), "version") }) // it has Finished, too
		toServer, toClient = w.Passed()
		in.Close()
		tlsify.wait()
	}) {
		t.FailNow()
	}
	return toServer, toClient
}

// A bare FIN at the end of any record: before the handshake's last it is
// network-io, and then truncated, with every word before it delivered; and the
// peer's end only behind its close_notify.
func TestBareFINAtEveryRecord(t *testing.T) {
	for _, engine := range engineNames(clientEngines) {
		t.Run(engine, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, setting string) {
				if engine == "pq" && setting == "tls=1.2" {
					return
				}
				s := startServer(t, "records", setting)
				all := strings.Join(fiveWords, "")
				words, status := 0, -1
				for n := 1; status != 0; n++ {
					l := newLaunch(t)
					l.feed(0)
					broken := wireTo(t, s, wire.Course{}, wire.Course{Fault: wire.FIN, AfterRecords: n})
					status = l.start(connectTo(t, broken, "--engine", engine)...).endsWithOneOf(0, 3, 6)
					want := ""
					switch {
					case status == 6:
						want = strings.Join(fiveWords[:words], "")
						words++
					case status == 0:
						want = all
					}
					if got := l.out.all(); got != want || status == 3 && words > 0 || n > 30 {
						t.Fatalf("after %d records: status %d, %q", n, status, got)
					}
				}
				if words != len(fiveWords)+1 {
					t.Errorf("truncated %d times", words)
				}
			})
		})
	}
}

// A network that falls silent and tells nobody is ended by the limits of time.
func TestHalfOpenNetwork(t *testing.T) {
	t.Run("handshake", func(t *testing.T) {
		for _, at := range []int{0, 5, 300} {
			l := newLaunch(t)
			broken := wireTo(t, startServer(t, "echo"), wire.Course{}, wire.Course{Fault: wire.Silence, After: at})
			l.start(connectTo(t, broken, "--handshake-timeout", "300ms")...).expect(3, "error handshake-timeout .*")
		}
	})
	t.Run("stream", func(t *testing.T) {
		l := newLaunch(t)
		in := l.feed(0)
		broken := wireTo(t, startServer(t, "echo"), wire.Course{Fault: wire.Silence, After: 100 << 10}, wire.Course{})
		tlsify := l.start(connectTo(t, broken, "--idle-timeout", "500ms")...)
		sent := noise(200 << 10)
		go in.Write(sent)
		tlsify.expect(7, "ready", "error idle-timeout .*")
		if got := l.out.all(); !strings.HasPrefix(string(sent), got) {
			t.Errorf("%d bytes came back, and not of those that were sent", len(got))
		}
	})
}

// A record that takes the network longer than the limits do to come is not silence. The
// stream was ended in the middle of it, or the server told that we leave.
func TestSlowIsNotSilent(t *testing.T) {
	for _, engine := range engineNames(clientEngines) {
		for _, limit := range [][]string{{"--idle-timeout", "1s", "--eof", "half-close"}, {"--eof-wait", "1s"}} {
			t.Run(engine+limit[0], func(t *testing.T) {
				t.Parallel()
				l := newLaunch(t)
				in := l.feed(0)
				sent := noise(16 << 10)
				var came, early atomic.Int64
				slow := wireTo(t, startServer(t, "echo"), wire.Course{Delay: func() time.Duration {
					if n := came.Load(); n > 6<<10 && n < int64(len(sent)) {
						early.Store(n)
					}
					return 0
				}}, wire.Course{
					Segment: func() int { came.Add(50); return 50 },
					Delay:   func() time.Duration { return 10 * time.Millisecond },
				})
				tlsify := l.start(connectTo(t, slow, append(limit, "--engine", engine)...)...)
				in.Write(sent)
				in.Close()
				tlsify.expect(0, "ready", "end 0")
				if got := l.out.all(); got != string(sent) {
					t.Errorf("%d bytes came back of %d, or changed ones", len(got), len(sent))
				}
				if n := early.Load(); n > 0 {
					t.Errorf("close_notify went when %d bytes had come, and the peer was not silent", n)
				}
			})
		}
	}
}

// However the network cuts a stream into pieces and delays them, it arrives.
func TestSegmentsAndDelays(t *testing.T) {
	for _, engine := range engineNames(clientEngines) {
		eachStarter(t, func(t *testing.T, l *launch, c *starter) {
			course := func() wire.Course {
				random := rand.New(rand.NewPCG(1, 2))
				return wire.Course{
					Segment: func() int { return 1 << random.IntN(12) },
					Delay:   func() time.Duration { return time.Duration(random.IntN(200)) * time.Microsecond },
				}
			}
			slow := wireTo(t, startServer(t, "echo"), course(), course())
			tlsify := l.start(connectTo(t, slow, "--engine", engine)...)
			sent := noise(200 << 10)
			c.Write(sent)
			c.end()
			tlsify.expect(0, "ready", "end 0")
			if got := c.out.all(); got != string(sent) {
				t.Errorf("%d bytes came back of %d, or changed ones", len(got), len(sent))
			}
		})
	}
}

// noise is bytes of which no two places are alike.
func noise(n int) []byte {
	out := make([]byte, n)
	io.ReadFull(rand.NewChaCha8([32]byte{byte(n)}), out)
	return out
}
