package adapter

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// done runs f and tells when it has returned.
func done(f func() error) <-chan error {
	c := make(chan error, 1)
	go func() { c <- f() }()
	return c
}

func soon(t *testing.T, what string, c <-chan error) error {
	t.Helper()
	select {
	case err := <-c:
		return err
	case <-time.After(patience):
		t.Fatal(what, ": it never returned")
		return nil
	}
}

func TestWriteGoesOutAtOnce(t *testing.T) {
	s := newFakeStream()
	c := NewRecordConn(s)
	for _, text := range []string{"one", "two"} {
		if n, err := c.Write([]byte(text)); n != 3 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	if got := s.sent(); len(got) != 2 || string(got[0]) != "one" || string(got[1]) != "two" {
		t.Errorf("sent %q", got)
	}
}

func TestHoldGathers(t *testing.T) {
	s := newFakeStream()
	c := NewRecordConn(s)
	for round := range 3 {
		var want []byte
		c.Hold()
		for i := range 16 {
			r := rec(16384 + 17 + i + round)
			want = append(want, r...)
			if n, err := c.Write(r); n != len(r) || err != nil {
				t.Fatalf("%d, %v", n, err)
			}
			clear(r) // it is the library's buffer, and used again
		}
		if got := s.sent(); len(got) != round {
			t.Fatalf("%d writes of the stream before Release", len(got)-round)
		}
		if err := c.Release(); err != nil {
			t.Fatal(err)
		}
		if got := s.sent(); len(got) != round+1 || !bytes.Equal(got[round], want) {
			t.Fatalf("%d writes of the stream for one batch, or not what was written", len(got)-round)
		}
	}
	c.Hold()
	if err := c.Release(); err != nil || len(s.sent()) != 3 {
		t.Errorf("with nothing to send: %v, %d writes", err, len(s.sent())-3)
	}
	if c.Write([]byte{1}); len(s.sent()) != 4 {
		t.Error("what is written behind it does not go out")
	}
}

// stuckIn is a RecordConn that is in the middle of sending data, which its stream takes
// when it is no longer busy.
func stuckIn(t *testing.T, data string) (*fakeStream, *RecordConn, <-chan error) {
	t.Helper()
	s := newFakeStream()
	s.busy = true
	c := NewRecordConn(s)
	sending := done(func() error { _, err := c.Write([]byte(data)); return err })
	s.await(t, data+" is being sent", func() bool { return len(s.writes) == 1 })
	return s, c, sending
}

// The reader must be able to answer a KeyUpdate while the writer waits for a
// peer that itself waits for us to read: both would wait for ever.
func TestWriteDuringABlockedSend(t *testing.T) {
	s := newFakeStream()
	s.busy = true
	c := NewRecordConn(s)
	c.Hold()
	c.Write([]byte("batch"))
	sending := done(c.Release)
	s.await(t, "the batch is being sent", func() bool { return len(s.writes) == 1 })
	for _, answer := range []string{"answer 1 ", "answer 2"} {
		if err := soon(t, "the answer", done(func() error { _, err := c.Write([]byte(answer)); return err })); err != nil {
			t.Error(err)
		}
	}
	select {
	case err := <-sending:
		t.Errorf("Release returned %v before the stream had taken all", err)
	default:
	}
	s.change(func() { s.busy = false })
	if err := soon(t, "Release", sending); err != nil {
		t.Error(err)
	}
	if got := s.sent(); len(got) != 2 || string(got[1]) != "answer 1 answer 2" {
		t.Errorf("sent %q", got)
	}
}

// The alert that tells the peer why was lost where it was queued behind a write that was
// just about to return: whoever heard of the error ended the process before it went.
func TestLastAlertGoesOut(t *testing.T) {
	s, c, sending := stuckIn(t, "data")
	broken := errors.New("a bad record")
	fail := func([]byte) (int, error) { c.Write([]byte("alert")); return 0, broken }
	reading := done(func() error { _, err := c.ReadBatch(make([]byte, 1), fail); return err })
	select {
	case err := <-reading:
		t.Errorf("ReadBatch returned %v before the alert had gone", err)
	case <-time.After(moment / 5):
	}
	s.change(func() { s.busy = false })
	if err := soon(t, "ReadBatch", reading); err != broken {
		t.Error(err)
	}
	if got := bytes.Join(s.sent(), nil); string(got) != "dataalert" {
		t.Errorf("sent %q", got)
	}
	soon(t, "the data", sending)
}

// A peer that takes nothing keeps nobody from hearing of the error.
func TestLastAlertIsNotWaitedFor(t *testing.T) {
	s, c, sending := stuckIn(t, "data")
	fail := func([]byte) (int, error) { c.Write([]byte("alert")); return 0, errors.New("a bad record") }
	soon(t, "ReadBatch", done(func() error { _, err := c.ReadBatch(make([]byte, 1), fail); return err }))
	s.change(func() { s.busy = false })
	soon(t, "the data", sending)
}

// A batch that is released while an answer is being sent goes out behind it,
// and Release waits for that.
func TestReleaseDuringABlockedSend(t *testing.T) {
	s, c, answering := stuckIn(t, "answer")
	c.Hold()
	c.Write([]byte("batch"))
	releasing := done(c.Release)
	select {
	case err := <-releasing:
		t.Errorf("Release returned %v before the stream had taken all", err)
	case <-time.After(20 * time.Millisecond):
	}
	s.change(func() { s.busy = false })
	if err := errors.Join(soon(t, "the answer", answering), soon(t, "Release", releasing)); err != nil {
		t.Error(err)
	}
	if got := bytes.Join(s.sent(), nil); string(got) != "answerbatch" {
		t.Errorf("sent %q", got)
	}
}

// Answers from one goroutine and batches from another: every one goes out,
// whole and in its order.
func TestWritersTogether(t *testing.T) {
	s := newFakeStream()
	c := NewRecordConn(s)
	var writers sync.WaitGroup
	writers.Go(func() {
		for i := range 500 {
			c.Write([]byte{'a', byte(i >> 8), byte(i)})
		}
	})
	writers.Go(func() {
		for i := 0; i < 500; i += 5 {
			c.Hold()
			for j := range 5 {
				c.Write([]byte{'b', byte((i + j) >> 8), byte(i + j)})
			}
			if err := c.Release(); err != nil {
				t.Error(err)
			}
		}
	})
	writers.Wait()
	c.Release()
	next := map[byte]int{}
	for r := range slices.Chunk(bytes.Join(s.sent(), nil), 3) {
		if i := int(r[1])<<8 + int(r[2]); i != next[r[0]] {
			t.Fatalf("%c: %d where %d should be", r[0], i, next[r[0]])
		}
		next[r[0]]++
	}
	if next['a'] != 500 || next['b'] != 500 {
		t.Errorf("sent %v", next)
	}
}

func TestQueueLimit(t *testing.T) {
	s, c, sending := stuckIn(t, "first")
	total := 0
	var err error
	for answer := make([]byte, 1000); err == nil; {
		var n int
		n, err = c.Write(answer)
		if total += n; total > queueLimit {
			t.Fatalf("%d bytes are queued", total)
		}
	}
	if total < queueLimit-1000 {
		t.Errorf("only %d bytes were queued", total)
	}
	if _, again := c.Write([]byte{1}); again != err || c.Err() != err {
		t.Errorf("the error %v did not stay: %v, Err %v", err, again, c.Err())
	}
	s.change(func() { s.busy = false })
	soon(t, "the first", sending)
}

func TestWriteFailureStays(t *testing.T) {
	failure := errors.New("broken")
	for name, write := range map[string]func(c *RecordConn) error{
		"write": func(c *RecordConn) error { _, err := c.Write([]byte{1}); return err },
		"release": func(c *RecordConn) error {
			c.Hold()
			c.Write([]byte{1})
			return c.Release()
		},
	} {
		s := newFakeStream()
		s.refusal = failure
		c := NewRecordConn(s)
		for range 3 {
			if err := write(c); err != failure {
				t.Errorf("%s: %v", name, err)
			}
		}
		if c.Err() != failure || len(s.sent()) != 1 {
			t.Errorf("%s: Err %v, %d writes of the stream", name, c.Err(), len(s.sent()))
		}
	}
}

// Behind what the stream has not taken nothing is sent, which would be another stream.
func TestWriteFailureEndsTheQueue(t *testing.T) {
	s, c, sending := stuckIn(t, "data")
	c.Write([]byte("answer"))
	failure := errors.New("broken")
	s.change(func() { s.busy, s.refusal = false, failure })
	if err := soon(t, "the data", sending); err != failure || c.Release() != failure || len(s.sent()) != 1 {
		t.Errorf("%v; sent %q", err, s.sent())
	}
}

// Close is what a library calls when a handshake's context ends.
func TestCloseWakes(t *testing.T) {
	s := newFakeStream()
	c := NewRecordConn(s)
	reading := done(func() error { _, err := c.Read(make([]byte, 5)); return err })
	s.await(t, "it reads", func() bool { return s.reads == 1 })
	s.change(func() { s.busy = true })
	writing := done(func() error { _, err := c.Write([]byte("x")); return err })
	s.await(t, "it writes", func() bool { return len(s.writes) == 1 })
	c.Close()
	if err := soon(t, "Read", reading); err == nil {
		t.Error("Read returned no error")
	}
	if err := soon(t, "Write", writing); err == nil {
		t.Error("Write returned no error")
	}
	s.change(func() { s.pieces = [][]byte{rec(10)} })
	if _, err := c.Read(make([]byte, 5)); err != net.ErrClosed {
		t.Errorf("a later Read: %v", err)
	}
	if _, err := c.Write([]byte("x")); err != net.ErrClosed {
		t.Errorf("a later Write: %v", err)
	}
}

// A library sets deadlines of its own, as crypto/tls does for its alerts: they
// must not end the stream for those who use it afterwards.
func TestDeadlinesAreNotTheLibrarys(t *testing.T) {
	s := newFakeStream(rec(3))
	s.end = io.EOF
	c := NewRecordConn(s)
	past := time.Unix(1, 0)
	if err := errors.Join(c.SetDeadline(past), c.SetReadDeadline(past), c.SetWriteDeadline(past)); err != nil {
		t.Error(err)
	}
	if s.expired {
		t.Error("the stream's deadline was set")
	}
	readRecord(t, c)
}

func TestNoRecordIsTemporary(t *testing.T) {
	if err, ok := errNoRecord.(interface{ Temporary() bool }); !ok || !err.Temporary() || !errNoRecord.Timeout() {
		t.Error("TLS libraries will make it sticky")
	}
}

// What a client's library writes before its second ClientHello goes out with it; every
// other record, and a change_cipher_spec of whoever has not asked, at once.
func TestChangeCipherSpecIsJoined(t *testing.T) {
	ccs, hello, rest := []byte{20, 3, 3, 0, 1, 1}, []byte{22, 3, 3, 0, 1, 1}, []byte{23, 3, 3, 0, 1, 7}
	for _, join := range []bool{true, false} {
		stream := &eachWrite{}
		c := NewRecordConn(stream)
		c.KeepSent()
		want := [][]byte{ccs, hello, rest}
		if join {
			c.JoinChangeCipherSpec()
			want = [][]byte{slices.Concat(ccs, hello), rest}
		}
		for _, p := range [][]byte{ccs, hello, rest} {
			if n, err := c.Write(p); n != len(p) || err != nil {
				t.Fatal(n, err)
			}
		}
		if !slices.EqualFunc(stream.writes, want, bytes.Equal) {
			t.Errorf("join %v: %x, not %x", join, stream.writes, want)
		}
		if sent := c.Sent(); !bytes.Equal(sent, slices.Concat(ccs, hello, rest)) {
			t.Errorf("join %v: %x is kept", join, sent)
		}
		if c.Write(rest); c.Sent() != nil {
			t.Errorf("join %v: it is kept for ever", join)
		}
	}
}

// eachWrite keeps what is written, one by one.
type eachWrite struct {
	net.Conn
	writes [][]byte
}

func (e *eachWrite) Write(p []byte) (int, error) {
	e.writes = append(e.writes, bytes.Clone(p))
	return len(p), nil
}
