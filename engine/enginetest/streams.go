package enginetest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"
)

// streams is about application data, and about one direction ending before
// the other.
var streams = []row{
	{"echo", bothRoles, eachVersion, testEcho},
	{"small-reads", bothRoles, eachVersion, testSmallReads},
	{"write-sizes", bothRoles, eachVersion, testWriteSizes},
	{"both-ways-at-once", bothRoles, eachVersion, testBothWaysAtOnce},
	{"read-does-not-wait", bothRoles, eachVersion, testReadDoesNotWait},
	{"half-close-ours", bothRoles, eachVersion, testHalfCloseOurs},
	{"half-close-theirs", bothRoles, eachVersion, testHalfCloseTheirs},
	{"close-write-keeps-stream", bothRoles, eachVersion, testCloseWriteKeepsStream},
	{"dribble", bothRoles, eachVersion, testDribble},
	{"closed-under-read", bothRoles, eachVersion, testClosedUnderRead},
}

// exchange sends a text each way.
func (o *outcome) exchange(toPeer, fromPeer string) {
	o.Helper()
	if n, err := o.session.Write([]byte(toPeer)); n != len(toPeer) || err != nil {
		o.Fatalf("write: %d, %v", n, err)
	}
	got := make([]byte, len(toPeer))
	if _, err := io.ReadFull(o.peer, got); err != nil || string(got) != toPeer {
		o.Fatalf("the peer read %q, %v; want %q", got, err, toPeer)
	}
	if _, err := io.WriteString(o.peer, fromPeer); err != nil {
		o.Fatalf("the peer's write: %v", err)
	}
	got = make([]byte, len(fromPeer))
	if _, err := io.ReadFull(o.session, got); err != nil || string(got) != fromPeer {
		o.Fatalf("read %q, %v; want %q", got, err, fromPeer)
	}
}

// wantNothingSent checks that the engine has sent nothing. It ends the stream.
func wantNothingSent(t testing.TB, end, peerEnd *net.TCPConn) {
	t.Helper()
	end.CloseWrite()
	if sent, err := io.ReadAll(peerEnd); len(sent) > 0 || err != nil {
		t.Errorf("%d bytes were sent (%v)", len(sent), err)
	}
}

// noise is n bytes that no two places of a test have alike.
func noise(n int) []byte {
	out := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(out)
	return out
}

func testEcho(r *rig) {
	o := r.trial().mustRun()
	for range 3 {
		o.exchange("ping", "pong")
	}
	o.exchange(string(noise(100_000)), string(noise(70_001)))
}

func testSmallReads(r *rig) {
	o := r.trial().mustRun()
	want := noise(3000)
	o.peer.Write(want)
	o.peer.CloseWrite()
	var got []byte
	for size := 1; ; size = size%7 + 1 {
		p := make([]byte, size)
		n, err := o.session.Read(p)
		got = append(got, p[:n]...)
		if err != nil {
			if err != io.EOF || n != 0 {
				r.Errorf("the end: %d, %v", n, err)
			}
			break
		}
		if n == 0 {
			r.Fatal("a read of nothing without an error")
		}
	}
	if !bytes.Equal(got, want) {
		r.Errorf("%d bytes arrived, not the %d that were sent", len(got), len(want))
	}
}

func testWriteSizes(r *rig) {
	o := r.trial().mustRun()
	var want []byte
	sent := make(chan error, 1)
	sizes := []int{0, 1, 2, 16383, 16384, 16385, 0, 131072, 131073, 1 << 20}
	for _, n := range sizes {
		want = append(want, noise(n)...)
	}
	go func() {
		rest := want
		for _, n := range sizes {
			if m, err := o.session.Write(rest[:n]); m != n || err != nil {
				sent <- err
				return
			}
			rest = rest[n:]
		}
		sent <- o.session.CloseWrite()
	}()
	got, err := io.ReadAll(o.peer)
	if err != nil || !bytes.Equal(got, want) {
		r.Errorf("the peer got %d bytes of %d, %v", len(got), len(want), err)
	}
	if err := <-sent; err != nil {
		r.Errorf("write: %v", err)
	}
}

func testBothWaysAtOnce(r *rig) {
	o := r.trial().mustRun()
	data := noise(4 << 20)
	sent := make(chan error, 2)
	pour := func(w io.Writer, end func() error) {
		_, err := w.Write(data)
		sent <- errors.Join(err, end())
	}
	go pour(o.session, o.session.CloseWrite)
	go pour(o.peer, o.peer.CloseWrite)
	theirs := make(chan []byte)
	go func() {
		got, _ := io.ReadAll(o.peer)
		theirs <- got
	}()
	got, err := io.ReadAll(o.session)
	if err != nil || !bytes.Equal(got, data) {
		r.Errorf("%d bytes of %d arrived, %v", len(got), len(data), err)
	}
	if got := <-theirs; !bytes.Equal(got, data) {
		r.Errorf("the peer got %d bytes of %d", len(got), len(data))
	}
	if err := errors.Join(<-sent, <-sent); err != nil {
		r.Errorf("write: %v", err)
	}
}

// A read that has something returns it, though there is room for more.
func testReadDoesNotWait(r *rig) {
	o := r.trial().mustRun()
	p := make([]byte, 100_000)
	for _, text := range []string{"one", "two", string(noise(40_000))} {
		o.peer.Write([]byte(text))
		for got := 0; got < len(text); {
			n, err := o.session.Read(p)
			if n == 0 || err != nil || string(p[:n]) != text[got:got+n] {
				r.Fatalf("read %d, %v", n, err)
			}
			got += n
		}
	}
}

func testHalfCloseOurs(r *rig) {
	o := r.trial().mustRun()
	o.session.Write([]byte("request"))
	if err := o.session.CloseWrite(); err != nil {
		r.Fatal("CloseWrite: ", err)
	}
	if got, err := io.ReadAll(o.peer); string(got) != "request" || err != nil {
		r.Errorf("the peer read %q, %v", got, err)
	}
	late := noise(200_000)
	go func() {
		o.peer.Write(late)
		o.peer.CloseWrite()
	}()
	got, err := o.readToEnd()
	if !bytes.Equal(got, late) || err != io.EOF {
		r.Errorf("%d bytes of the late reply, %v", len(got), err)
	}
}

func testHalfCloseTheirs(r *rig) {
	o := r.trial().mustRun()
	o.peer.Write([]byte("request"))
	o.peer.CloseWrite()
	if got, err := o.readToEnd(); string(got) != "request" || err != io.EOF {
		r.Errorf("read %q, %v", got, err)
	}
	late := noise(200_000)
	go func() {
		o.session.Write(late)
		o.session.CloseWrite()
	}()
	if got, err := io.ReadAll(o.peer); !bytes.Equal(got, late) || err != nil {
		r.Errorf("the peer got %d bytes of the late reply, %v", len(got), err)
	}
}

// readToEnd reads until there is an error, which it checks to be final.
func (o *outcome) readToEnd() ([]byte, error) {
	o.Helper()
	var got []byte
	p := make([]byte, 20_000)
	for {
		n, err := o.session.Read(p)
		got = append(got, p[:n]...)
		if err == nil {
			continue
		}
		for range 2 {
			if n, again := o.session.Read(p); n != 0 || again == nil || again.Error() != err.Error() {
				o.Errorf("the error %q was not final: %d, %v", err, n, again)
			}
		}
		return got, err
	}
}

// CloseWrite is a close_notify and no more: the stream has another owner.
func testCloseWriteKeepsStream(r *rig) {
	o := r.trial().mustRun()
	o.session.CloseWrite()
	if _, err := o.peer.Read(make([]byte, 1)); err != io.EOF {
		r.Errorf("the peer read %v, want the end", err)
	}
	o.peerEnd.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := o.peerEnd.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		r.Errorf("behind the close_notify came %d bytes, %v", n, err)
	}
}

// dribbler sends every byte by itself.
type dribbler struct{ net.Conn }

func (d dribbler) Write(p []byte) (int, error) {
	for i := range p {
		if n, err := d.Conn.Write(p[i : i+1]); n != 1 {
			return i, err
		}
		time.Sleep(20 * time.Microsecond)
	}
	return len(p), nil
}

func testDribble(r *rig) {
	t := r.trial()
	t.peerShows(TLSCertificate(Chain(r, "good")))
	t.wrap = func(c net.Conn) net.Conn { return dribbler{c} }
	o := t.mustRun()
	o.exchange("all of it", string(noise(3000)))
	go o.peer.CloseWrite()
	if got, err := o.readToEnd(); len(got) != 0 || err != io.EOF {
		r.Errorf("the end: %d bytes, %v", len(got), err)
	}
}

// The stream's owner closes it while the session waits for data.
func testClosedUnderRead(r *rig) {
	o := r.trial().mustRun()
	time.AfterFunc(50*time.Millisecond, func() { o.end.Close() })
	begin := time.Now()
	_, err := o.session.Read(make([]byte, 1))
	wantTransport(r, err, net.ErrClosed)
	if took := time.Since(begin); took > 3*time.Second {
		r.Errorf("it took %v", took)
	}
}
