package pump

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine"
	"tlsify/engine/enginetest"
	"tlsify/engines/pq"
	"tlsify/engines/std"
	"tlsify/engines/utls"
	"tlsify/stream"
	"tlsify/stream/streamtest"
)

// A line is an established connection: an engine's session over a loopback
// socket, and crypto/tls at the other end.
type line struct {
	session engine.Session
	network *stream.FD
	peer    *tls.Conn
	socket  *net.TCPConn // the peer's
}

func connect(t testing.TB, e engine.Engine, version uint16) *line {
	t.Helper()
	a, b := enginetest.TCPPair(t)
	number := streamtest.Dup(t, a)
	a.Close()
	streamtest.CloseLater(t, number)
	l := &line{network: newFD(t, number), socket: b}
	identity := enginetest.SelfSigned(t, enginetest.CertOptions{DNS: []string{enginetest.Host}})
	l.peer = tls.Server(b, &tls.Config{
		Certificates: []tls.Certificate{enginetest.TLSCertificate(identity)},
		MinVersion:   version,
		MaxVersion:   version,
	})
	shaken := streamtest.Started(l.peer.Handshake)
	var err error
	l.session, err = e.Client(t.Context(), l.network, &engine.ClientConfig{
		Config: engine.Config{Verify: func(*engine.Peer) error { return nil }},
	})
	if err := errors.Join(err, streamtest.Soon(t, "handshake", shaken)); err != nil {
		t.Fatal(err)
	}
	return l
}

// A carriage is a kind of Carrier over a session of an engine's.
type carriage struct {
	engine engine.Engine
	kind   Kind
}

// needKernel skips a test where the kernel has no TLS. In the machine that
// .ci/ktls boots that is a failure.
func needKernel(t testing.TB) (rekeys bool) {
	t.Helper()
	there, rekeys := KernelTLS()
	if !there && os.Getenv("TLSIFY_TEST_KTLS") != "" {
		t.Fatal("this kernel should have TLS")
	}
	if !there {
		t.Skip("this kernel has no TLS")
	}
	return rekeys
}

// onCarriers runs a test over every kind of Carrier and every engine, under TLS
// 1.3.
func onCarriers(t *testing.T, test func(t *testing.T, c carriage)) {
	for _, e := range []engine.Engine{std.New(), utls.New(), pq.New()} {
		for _, kind := range []Kind{Session, Record, Kernel} {
			t.Run(e.Name()+"/"+string(kind), func(t *testing.T) {
				if kind == Kernel {
					needKernel(t)
				}
				test(t, carriage{e, kind})
			})
		}
	}
}

// perform stages an act whose peer is real.
func perform(t testing.TB, k streamtest.Kind, version uint16, c carriage) (*act, *line) {
	t.Helper()
	a, l := stage(t, k), connect(t, c.engine, version)
	var err error
	if a.plan.Carrier, err = Choose(c.kind, l.session); err != nil {
		t.Fatal(err)
	}
	a.plan.Network = l.network
	a.stopped = true // the script has no part in it
	return a, l
}

// pour writes data in chunks of random sizes up to most.
func pour(w io.Writer, data []byte, most int) error {
	random := rand.New(rand.NewPCG(uint64(len(data)), uint64(most)))
	for len(data) > 0 {
		n, err := w.Write(data[:min(len(data), 1+random.IntN(most))])
		if err != nil {
			return fmt.Errorf("with %d bytes to go: %w", len(data), err)
		}
		data = data[n:]
	}
	return nil
}

// drink reads to the end, at most so many bytes at a time, and compares.
func drink(r io.Reader, want []byte, most int) error {
	buf, total := make([]byte, most), 0
	for {
		n, err := r.Read(buf)
		if !bytes.HasPrefix(want[total:], buf[:n]) {
			err = errors.New("not what was sent")
		}
		total += n
		switch {
		case err == io.EOF && total == len(want):
			return nil
		case err == io.EOF:
			err = errors.New("that is not all")
			fallthrough
		case err != nil:
			return fmt.Errorf("after %d bytes of %d: %w", total, len(want), err)
		}
	}
}

// halfCloser is a peer that can end its direction alone.
type halfCloser interface {
	io.ReadWriter
	CloseWrite() error
}

// exchange moves data both ways at once, to the end, in chunks of at most so
// many bytes.
func exchange(t testing.TB, a *act, peer halfCloser, data []byte, most int) {
	t.Helper()
	limit := streamtest.Patience + time.Duration(len(data)>>20)*3*time.Second // it may be an emulated machine
	a.in.SetDeadline(time.Now().Add(limit))
	a.out.SetDeadline(time.Now().Add(limit))
	a.begin()
	for what, moved := range map[string]<-chan error{
		"the caller's writing": streamtest.Started(func() error {
			err := pour(a.in, data, most)
			a.finishes()
			return err
		}),
		"the peer's reading": streamtest.Started(func() error { return drink(peer, data, most) }),
		"the peer's writing": streamtest.Started(func() error {
			return errors.Join(pour(peer, data, most), peer.CloseWrite())
		}),
		"the caller's reading": streamtest.Started(func() error { return drink(a.out, data, most) }),
	} {
		if err := streamtest.Within(t, limit, what, moved); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := streamtest.Soon(t, "Run", a.done); err != nil {
		t.Errorf("Run returned %v", err)
	}
	wantNoneLeft(t)
}

func TestTransferSizes(t *testing.T) {
	onCarriers(t, func(t *testing.T, c carriage) {
		for _, n := range []int{0, 1, 16383, 16384, 16385, engine.BatchSize, engine.BatchSize + 1, 1 << 20} {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				for _, k := range []streamtest.Kind{streamtest.Kinds[0], streamtest.Kinds[3]} {
					a, l := perform(t, k, tls.VersionTLS13, c)
					a.plan.Answer = true
					heard := 0 // of bytes, and not of tickets
					a.plan.Heard = func() { heard++ }
					exchange(t, a, l.peer, streamtest.Noise(n), 100_000)
					if heard != min(n, 1) {
						t.Errorf("of the peer's first bytes was told %d times", heard)
					}
				}
			})
		}
	})
}

func TestTransferTinyChunks(t *testing.T) {
	onCarriers(t, func(t *testing.T, c carriage) {
		streamtest.OnEach(t, func(t *testing.T, k streamtest.Kind) {
			a, l := perform(t, k, tls.VersionTLS13, c)
			a.plan.Answer = true
			exchange(t, a, l.peer, streamtest.Noise(20_000), 40)
		})
	})
}

// largest is how many bytes the largest transfer has: 1 GiB where
// TLSIFY_TEST_LARGE is set, else no more than the suite has time for.
func largest() int {
	if os.Getenv("TLSIFY_TEST_LARGE") != "" {
		return 1 << 30
	}
	return 16 << 20
}

func TestTransferLarge(t *testing.T) {
	onCarriers(t, func(t *testing.T, c carriage) {
		data := streamtest.Noise(largest())
		for _, k := range []streamtest.Kind{streamtest.Kinds[0], streamtest.Kinds[3]} {
			a, l := perform(t, k, tls.VersionTLS13, c)
			a.plan.Answer = true
			exchange(t, a, l.peer, data, 1<<20)
		}
	})
}

// Under TLS 1.2 the peer must not end before the caller has.
func TestTransferTLS12(t *testing.T) {
	data := streamtest.Noise(1<<20 + 1)
	a, l := perform(t, streamtest.Kinds[3], tls.VersionTLS12, carriage{std.New(), Auto})
	a.begin()
	written := streamtest.Started(func() error {
		err := pour(a.in, data, 50_000)
		a.finishes()
		return err
	})
	if err := drink(l.peer, data, 50_000); err != nil {
		t.Error("the peer: ", err)
	}
	if err := streamtest.Soon(t, "writing", written); err != nil {
		t.Error("the caller: ", err)
	}
	replied := streamtest.Started(func() error { return errors.Join(pour(l.peer, data, 50_000), l.peer.CloseWrite()) })
	if err := drink(a.out, data, 50_000); err != nil {
		t.Error("the caller: ", err)
	}
	if err := streamtest.Soon(t, "reply", replied); err != nil {
		t.Error("the peer: ", err)
	}
	a.over(nil, "closed local", "closed peer")
}

// Sockets with the smallest buffers that there are take a record in pieces.
func TestTransferSmallBuffers(t *testing.T) {
	onCarriers(t, func(t *testing.T, c carriage) {
		for _, k := range streamtest.Kinds[2:4] {
			a, l := perform(t, k, tls.VersionTLS13, c)
			a.plan.Answer = true
			for _, n := range []int{a.plan.In.Number(), int(a.outFD.Load()), l.network.Number()} {
				unix.SetsockoptInt(n, unix.SOL_SOCKET, unix.SO_SNDBUF, 1)
			}
			exchange(t, a, l.peer, streamtest.Noise(100_000), 30_000)
		}
	})
}

// A caller that reads a little at a time, and pauses, gets all the same bytes;
// and so does a peer.
func TestTransferSlowReaders(t *testing.T) {
	onCarriers(t, func(t *testing.T, c carriage) {
		data := streamtest.Noise(300_000)
		for _, k := range []streamtest.Kind{streamtest.Kinds[0], streamtest.Kinds[2]} {
			a, l := perform(t, k, tls.VersionTLS13, c)
			a.plan.Answer = true
			a.begin()
			writing := []<-chan error{
				streamtest.Started(func() error { err := pour(a.in, data, 1<<20); a.finishes(); return err }),
				streamtest.Started(func() error { return errors.Join(pour(l.peer, data, 1<<20), l.peer.CloseWrite()) }),
			}
			reading := []<-chan error{
				streamtest.Started(func() error { return drink(dawdler{a.out}, data, 9000) }),
				streamtest.Started(func() error { return drink(dawdler{l.peer}, data, 9000) }),
			}
			for _, done := range append(writing, reading...) {
				if err := streamtest.Soon(t, "moving", done); err != nil {
					t.Errorf("%v: %v", k, err)
				}
			}
			if err := streamtest.Soon(t, "Run", a.done); err != nil {
				t.Errorf("%v: Run returned %v", k, err)
			}
		}
	})
}

type dawdler struct{ io.Reader }

func (d dawdler) Read(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return d.Reader.Read(p)
}

func TestRealTruncation(t *testing.T) {
	onCarriers(t, func(t *testing.T, c carriage) {
		a, l := perform(t, streamtest.Kinds[0], tls.VersionTLS13, c)
		a.begin()
		l.peer.Write([]byte("half a rep"))
		l.socket.CloseWrite()
		streamtest.WantRest(t, a.out, []byte("half a rep"))
		a.over(engine.ErrTruncated, "truncated: "+engine.ErrTruncated.Error())
		// Nor is the peer told of a clean end.
		l.network.Close()
		streamtest.WantRest(t, l.socket, nil)
	})
}

func TestRealReset(t *testing.T) {
	onCarriers(t, func(t *testing.T, c carriage) {
		a, l := perform(t, streamtest.Kinds[0], tls.VersionTLS13, c)
		a.begin()
		l.socket.SetLinger(0)
		l.socket.Close()
		streamtest.WantRest(t, a.out, nil)
		err := streamtest.Soon(t, "Run", a.done)
		if blame := new(engine.TransportError); !errors.As(err, &blame) || !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("Run returned %v", err)
		}
	})
}

// A full network and a stop: nothing of Run's waits for the peer any more.
func TestRealContext(t *testing.T) {
	onCarriers(t, func(t *testing.T, c carriage) {
		a, _ := perform(t, streamtest.Kinds[0], tls.VersionTLS13, c)
		a.begin()
		go a.in.Write(streamtest.TooMuch)
		time.Sleep(10 * streamtest.Beat)
		a.cancel(errAlert)
		a.over(errAlert)
		a.in.Close()
	})
}

// A network that takes no more is an error of the step that needs it, however the stream is
// carried: what was taken from the caller has not gone, nor has our close_notify. The kernel
// has tests of its own.
func TestSendingFails(t *testing.T) {
	onCarriers(t, func(t *testing.T, c carriage) {
		if c.kind == Kernel {
			return
		}
		a, l := perform(t, streamtest.Kinds[0], tls.VersionTLS13, c)
		unix.Shutdown(l.network.Number(), unix.SHUT_WR)
		a.writes("lost")
		if n, err := a.plan.Carrier.take(a.plan.In); n != 4 || err != nil {
			t.Fatal(n, err)
		}
		if a.plan.Carrier.send() == nil {
			t.Error("it was sent")
		}
		if a.plan.Carrier.closeWrite() == nil {
			t.Error("close_notify has gone")
		}
		if Rekey(a.plan.Carrier) == nil {
			t.Error("a KeyUpdate has gone")
		}
	})
}
