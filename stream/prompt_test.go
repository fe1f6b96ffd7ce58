//go:build linux

package stream

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tcpPair is both ends of a TCP connection, the second of which uses Nagle's
// algorithm.
func tcpPair(t *testing.T) (ours *FD, theirs *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	n, err := Duplicate(dialed.(*net.TCPConn), 3)
	dialed.Close()
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs = openFD(t, n), accepted.(*net.TCPConn)
	theirs.SetNoDelay(false)
	t.Cleanup(func() { theirs.Close() })
	return ours, theirs
}

// What has come is acknowledged as soon as a reader waits for more, by whichever way it
// waits, and only as often as was said.
func TestAcknowledgeAtOnce(t *testing.T) {
	one := make([]byte, 1)
	ways := map[string]func(f, idle *FD) error{
		"read": func(f, _ *FD) error { _, err := f.Read(one); return err },
		"wait": func(f, _ *FD) error {
			f.WaitReadable()
			_, err := f.Read(one)
			return err
		},
		"either": func(f, idle *FD) error {
			EitherReadable(idle, f, idle)
			_, err := f.Read(one)
			return err
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			fastest := time.Hour
			for try := 0; try < 20 && fastest >= 20*time.Millisecond; try++ {
				f, peer := tcpPair(t)
				idle, _ := tcpPair(t)
				f.AcknowledgeAtOnce()
				// A question and its answer make the kernel expect more of them.
				peer.Write(one)
				f.Read(one)
				f.Write(one)
				peer.Read(one)
				peer.Write(one)
				f.Read(one)
				start := time.Now()
				go peer.Write([]byte{0}) // waits, in the kernel, for the one before to be acknowledged
				if err := way(f, idle); err != nil {
					t.Fatal(err)
				}
				fastest = min(fastest, time.Since(start))
			}
			if fastest >= 20*time.Millisecond {
				t.Errorf("the fastest of 20 took %v", fastest)
			}
		})
	}
	f, peer := tcpPair(t)
	f.AcknowledgeAtOnce()
	for range promptWaits {
		peer.Write(one)
		f.WaitReadable()
		f.Read(one)
	}
	if f.acks.prompt != 0 {
		t.Errorf("%d waits are left", f.acks.prompt)
	}
	// A descriptor of another kind is read as ever.
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, b := openFD(t, pair[0]), openFD(t, pair[1])
	a.AcknowledgeAtOnce()
	b.Write(one)
	if n, err := a.Read(one); n != 1 || err != nil {
		t.Error(n, err)
	}
}

// A peer that writes its answers in pieces is waited for once more when the waits that
// AcknowledgeAtOnce is for have gone, and then no more.
func TestAcknowledgedAgain(t *testing.T) {
	one := make([]byte, 1)
	late := func(times int) int {
		f, peer := tcpPair(t)
		f.AcknowledgeAtOnce()
		f.acks.prompt = 0
		go func() {
			question := make([]byte, 1)
			for {
				if _, err := peer.Read(question); err != nil {
					return
				}
				for range 3 { // the second waits, in the kernel, for the first to be acknowledged
					peer.Write(one)
				}
			}
		}()
		n := 0
		for range times {
			f.Write(one)
			start := time.Now()
			for range 3 {
				if _, err := f.Read(one); err != nil {
					t.Fatal(err)
				}
			}
			if time.Since(start) >= lateWait {
				n++
			}
		}
		return n
	}
	fewest := 40
	for try := 0; try < 10 && fewest > 2; try++ {
		fewest = min(fewest, late(40))
	}
	if fewest > 2 {
		t.Errorf("at least %d of 40 answers were late", fewest)
	}
}
