package dial

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// takes reads n bytes.
func takes(conn net.Conn, n int) string {
	b := make([]byte, n)
	io.ReadFull(conn, b)
	return string(b)
}

// reset ends a connection with a RST.
func reset(conn net.Conn) { conn.(*net.TCPConn).SetLinger(0); conn.Close() }

// fastStream is a stream to the address of name, by fast open; what was
// dialled is put into dialed.
func fastStream(t *testing.T, d *dialer, address string, dialed *[]string) *Stream {
	t.Helper()
	s, err := d.dial(within(t, patience), Target{Network: "tcp", Address: address, TCPFastOpen: true,
		Dialed: func(a string) { *dialed = append(*dialed, a) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.FD.Close() })
	s.Conn.SetDeadline(time.Now().Add(patience))
	return s
}

// Addresses that accept, and take the first bytes, and then fail before they
// answer: the stream goes on to the next, under the same descriptor, and says
// everything again.
func TestFallsBackUntilTheFirstByte(t *testing.T) {
	var taken notes
	port := serve(t, "127.0.0.4:0", func(conn net.Conn) {
		taken.add(takes(conn, 12))
		io.WriteString(conn, "answer")
		io.Copy(conn, conn)
	})
	serve(t, "127.0.0.2:"+port, func(conn net.Conn) { taken.add(takes(conn, 12)); reset(conn) })
	serve(t, "127.0.0.3:"+port, func(conn net.Conn) { taken.add(takes(conn, 12)); conn.Close() })

	d := dialerWith(hosts{"a.test": "127.0.0.2 127.0.0.3 127.0.0.4"})
	var dialed []string
	s := fastStream(t, d, "a.test:"+port, &dialed)
	number := s.FD.Number()
	for _, text := range []string{"hello ", "hello!"} {
		if _, err := io.WriteString(s.Conn, text); err != nil {
			t.Fatal(err)
		}
	}
	if dialed != nil {
		t.Errorf("%v is said to have answered before anything has come", dialed)
	}
	if got := takes(s.Conn, 6); got != "answer" {
		t.Fatalf("the answer is %q", got)
	}
	if diff := cmp.Diff([]string{"127.0.0.4:" + port}, dialed); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"hello hello!", "hello hello!", "hello hello!"}, taken.take()); diff != "" {
		t.Error(diff)
	}
	if s.FD.Number() != number {
		t.Error("the descriptor's number has changed")
	}
	echoes(t, s.Conn)
	echoes(t, s.FD)
	if n, err := unix.GetsockoptInt(number, unix.IPPROTO_TCP, unix.TCP_NODELAY); err != nil || n != 1 {
		t.Errorf("TCP_NODELAY is %d, %v", n, err)
	}
	if flags, err := unix.FcntlInt(uintptr(number), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("the descriptor's flags are %x, %v", flags, err)
	}
}

// After the first byte a failure is the peer's, whatever addresses there are.
func TestNoFallBackAfterTheFirstByte(t *testing.T) {
	port := serve(t, "127.0.0.2:0", func(conn net.Conn) { takes(conn, 5); io.WriteString(conn, "!"); conn.Close() })
	serve(t, "127.0.0.3:"+port, func(net.Conn) { t.Error("the second address was tried") })
	var dialed []string
	s := fastStream(t, dialerWith(hosts{"a.test": "127.0.0.2 127.0.0.3"}), "a.test:"+port, &dialed)
	io.WriteString(s.Conn, "hello")
	if got, err := io.ReadAll(s.Conn); string(got) != "!" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}

// The peer may be the one to speak first.
func TestFallsBackWithNothingSaid(t *testing.T) {
	port := serve(t, "127.0.0.3:0", func(conn net.Conn) { io.WriteString(conn, "220 ready\r\n") })
	serve(t, "127.0.0.2:"+port, func(conn net.Conn) { reset(conn) })
	var dialed []string
	s := fastStream(t, dialerWith(hosts{"a.test": "127.0.0.2 127.0.0.3"}), "a.test:"+port, &dialed)
	if got, err := io.ReadAll(s.Conn); string(got) != "220 ready\r\n" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestFallBackFails(t *testing.T) {
	hangUp := func(conn net.Conn) { takes(conn, 5); conn.Close() }
	port := serve(t, "127.0.0.2:0", hangUp)
	serve(t, "127.0.0.3:"+port, func(conn net.Conn) { takes(conn, 5); reset(conn) })
	d := dialerWith(hosts{"one.test": "127.0.0.2", "two.test": "127.0.0.2 127.0.0.3", "three.test": "127.0.0.2 127.0.0.4"})
	for name, want := range map[string]string{
		// A single address behaves as it does without fast open.
		"one.test":   "EOF",
		"two.test":   "two.test:PORT: no address answers: 127.0.0.2:PORT: closed without an answer; 127.0.0.3:PORT: connection reset by peer",
		"three.test": "three.test:PORT: no address answers: 127.0.0.2:PORT: closed without an answer; 127.0.0.4:PORT: connection refused",
	} {
		var dialed []string
		s := fastStream(t, d, name+":"+port, &dialed)
		if _, err := io.WriteString(s.Conn, "hello"); err != nil {
			t.Fatal(err)
		}
		_, err := s.Conn.Read(make([]byte, 1))
		if want := strings.ReplaceAll(want, "PORT", port); err == nil || err.Error() != want {
			t.Errorf("%s: error %v\nwant %s", name, err, want)
		}
		if name != "one.test" && !errors.As(err, new(*Error)) {
			t.Errorf("%s: a %T", name, err)
		}
		if len(dialed) > 0 {
			t.Errorf("%s: %v is said to have answered", name, dialed)
		}
	}
}

// A deadline ends an attempt at the next address, whether it was set before the
// attempt or during it. It is no reason to fall back further.
func TestDeadlineDuringFallBack(t *testing.T) {
	port := serve(t, "127.0.0.2:0", func(conn net.Conn) { takes(conn, 1); reset(conn) })
	for name, arm := range map[string]func(conn net.Conn, trying <-chan struct{}){
		"before": func(conn net.Conn, _ <-chan struct{}) { conn.SetDeadline(time.Now().Add(100 * time.Millisecond)) },
		"during": func(conn net.Conn, trying <-chan struct{}) {
			conn.SetDeadline(time.Time{})
			go func() { <-trying; conn.SetReadDeadline(past) }()
		},
		"later": func(conn net.Conn, trying <-chan struct{}) {
			conn.SetReadDeadline(time.Now().Add(time.Hour))
			go func() { <-trying; conn.SetWriteDeadline(past) }()
		},
	} {
		t.Run(name, func(t *testing.T) {
			trying := make(chan struct{})
			d := dialerWith(hosts{"a.test": "127.0.0.2 127.0.0.3 127.0.0.4"})
			d.connect = func(ctx context.Context, to netip.AddrPort, how socketOptions) (net.Conn, error) {
				switch to.Addr().String() {
				case "127.0.0.2":
					return connect(ctx, to, how)
				case "127.0.0.3":
					close(trying)
				default:
					t.Errorf("it goes on to %s", to)
				}
				<-ctx.Done()
				return nil, ctx.Err()
			}
			var dialed []string
			s := fastStream(t, d, "a.test:"+port, &dialed)
			arm(s.Conn, trying)
			io.WriteString(s.Conn, "!")
			if _, err := s.Conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// What is kept to be said again has a limit, and past it there is no falling
// back: the bytes would not be the same.
func TestReplayLimit(t *testing.T) {
	port := serve(t, "127.0.0.2:0", func(conn net.Conn) { takes(conn, replayLimit+1); reset(conn) })
	serve(t, "127.0.0.3:"+port, func(net.Conn) { t.Error("the second address was tried") })
	var dialed []string
	s := fastStream(t, dialerWith(hosts{"a.test": "127.0.0.2 127.0.0.3"}), "a.test:"+port, &dialed)
	if _, err := s.Conn.Write(bytes.Repeat([]byte{'x'}, replayLimit+1)); err == nil {
		_, err = s.Conn.Read(make([]byte, 1))
		if !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("error %v", err)
		}
	}
}

func TestFastOpenTimeLimit(t *testing.T) {
	late := errors.New("too late")
	d := dialerWith(hosts{"a.test": "127.0.0.2 127.0.0.3"})
	d.connect = func(ctx context.Context, to netip.AddrPort, _ socketOptions) (net.Conn, error) {
		if to.Addr().String() != "127.0.0.2" {
			t.Errorf("it goes on to %s", to)
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), 50*time.Millisecond, late)
	defer cancel()
	_, err := d.dial(ctx, Target{Network: "tcp", Address: "a.test:443", TCPFastOpen: true})
	if want := "too late: no answer from 127.0.0.2:443"; !errors.Is(err, late) || err.Error() != want {
		t.Errorf("error %v", err)
	}
}
