//go:build linux

package pump

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine"
	"tlsify/engine/record"
	"tlsify/stream"
	"tlsify/stream/streamtest"
)

// wire is an established connection without a handshake: its two ends have been
// told the keys.
type wire struct {
	keys    *engine.Keys // ours
	network *stream.FD
	socket  *net.TCPConn // the peer's
	in, out engine.TrafficKey
}

func newWire(t testing.TB, cipher engine.Cipher, waiting bool) *wire {
	t.Helper()
	a, b := tcpEnds(t)
	number := streamtest.Dup(t, a)
	a.Close()
	streamtest.CloseLater(t, number)
	if err := unix.SetNonblock(number, !waiting); err != nil {
		t.Fatal(err)
	}
	w := &wire{network: newFD(t, number), socket: b}
	size := record.SuiteOf(cipher).Hash().Size()
	key := func(fill byte, sequence uint64) engine.TrafficKey {
		return engine.TrafficKey{Cipher: cipher, Secret: bytes.Repeat([]byte{fill}, size), Sequence: sequence}
	}
	w.in, w.out = key(1, 5), key(2, 7)
	w.keys = &engine.Keys{
		Stream:      w.network,
		In:          key(2, 7),
		Out:         key(1, 5),
		RecordLimit: record.MaxPlaintext,
		Ticket:      func([]byte) error { return nil },
	}
	return w
}

// tcpEnds is a loopback connection that may last long.
func tcpEnds(t testing.TB) (a, b *net.TCPConn) {
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
	t.Cleanup(func() { dialed.Close(); accepted.Close() })
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn)
}

// peer is the other end, which does all that it should.
func (w *wire) peer() *record.Conn {
	return record.NewConn(&engine.Keys{Stream: w.socket, In: w.in, Out: w.out, RecordLimit: record.MaxPlaintext})
}

// scripted is the other end for tests that say each record themselves.
func (w *wire) scripted(t testing.TB) *scriptedPeer {
	w.socket.SetDeadline(time.Now().Add(streamtest.Patience))
	return &scriptedPeer{TB: t, socket: w.socket, opener: record.Resume(w.in), sealer: record.Resume(w.out)}
}

type scriptedPeer struct {
	testing.TB
	socket         *net.TCPConn
	opener, sealer *record.Protection
}

// record is the next record of ours.
func (p *scriptedPeer) record(t record.Type, content []byte) []byte {
	slot := make([]byte, len(content)+record.Overhead)
	copy(slot[record.HeaderLen:], content)
	return p.sealer.Seal(slot, len(content), t)
}

func (p *scriptedPeer) send(t record.Type, content ...byte) { p.raw(p.record(t, content)) }

func (p *scriptedPeer) says(text string) { p.send(record.TypeApplicationData, []byte(text)...) }

func (p *scriptedPeer) raw(b []byte) {
	p.Helper()
	if _, err := p.socket.Write(b); err != nil {
		p.Fatal("the peer's write: ", err)
	}
}

// hears checks the next record that comes; type 0 is the stream's end.
func (p *scriptedPeer) hears(t record.Type, content string) {
	p.Helper()
	got, err := p.next()
	if err != nil || got.t != t || string(got.content) != content {
		p.Fatalf("the peer got record %v %.60q, %v; want %v %.60q", got.t, got.content, err, t, content)
	}
}

type plainRecord struct {
	t       record.Type
	content []byte
}

func (p *scriptedPeer) next() (plainRecord, error) {
	header := make([]byte, record.HeaderLen)
	if _, err := io.ReadFull(p.socket, header); err == io.EOF {
		return plainRecord{}, nil
	} else if err != nil {
		return plainRecord{}, err
	}
	rec := append(header, make([]byte, binary.BigEndian.Uint16(header[3:]))...)
	if _, err := io.ReadFull(p.socket, rec[record.HeaderLen:]); err != nil {
		return plainRecord{}, err
	}
	t, content, err := p.opener.Open(nil, rec)
	return plainRecord{t, content}, err
}

// inKernel stages an act whose connection is the kernel's.
func inKernel(t testing.TB, k streamtest.Kind, w *wire) *act {
	t.Helper()
	a := stage(t, k)
	carrier, err := newKernelCarrier(w.keys)
	if err != nil {
		t.Fatal(err)
	}
	a.plan.Carrier, a.plan.Network = carrier, w.network
	a.stopped = true // the script has no part in it
	return a
}

// statistic is a counter of kernel TLS.
func statistic(t testing.TB, name string) int {
	t.Helper()
	content, err := os.ReadFile(kernelTLSStatistic)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if fields := strings.Fields(line); fields[0] == name {
			n, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	return 0
}

func wantPeerFault(t testing.TB, err error) {
	t.Helper()
	if blame := new(engine.PeerError); !errors.As(err, &blame) || blame.Fault != engine.FaultProtocol {
		t.Errorf("Run returned %v (%T)", err, err)
	}
}
