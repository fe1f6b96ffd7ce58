//go:build linux

package stream

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/stream/streamtest"
)

// naglePair is both ends of a TCP connection, the second of which uses Nagle's
// algorithm.
func naglePair(t *testing.T) (ours, theirs *FD) {
	t.Helper()
	ends := streamtest.TCPPair(t)
	for _, n := range ends {
		streamtest.CloseLater(t, n)
	}
	if err := unix.SetsockoptInt(ends[1], unix.IPPROTO_TCP, unix.TCP_NODELAY, 0); err != nil {
		t.Fatal(err)
	}
	return openFD(t, ends[0]), openFD(t, ends[1])
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
				f, peer := naglePair(t)
				idle, _ := naglePair(t)
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
	f, peer := naglePair(t)
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
	pair := streamtest.Socketpair(t)
	for _, n := range pair {
		streamtest.CloseLater(t, n)
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
		f, peer := naglePair(t)
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
