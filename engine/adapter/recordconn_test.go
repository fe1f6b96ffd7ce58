package adapter

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

const patience = 20 * time.Second

// A fakeStream gives what it is told to, one piece with each Read, and takes
// down what is written.
type fakeStream struct {
	net.Conn // nil: what is not here must not be called

	mu      sync.Mutex
	changed sync.Cond
	pieces  [][]byte
	end     error // behind the pieces; nil: wait for more
	expired bool  // a deadline has passed
	reads   int   // calls that have begun
	writes  [][]byte
	busy    bool // a Write waits
	refusal error
}

func newFakeStream(pieces ...[]byte) *fakeStream {
	s := &fakeStream{pieces: slices.Clone(pieces)}
	s.changed.L = &s.mu
	return s
}

func (s *fakeStream) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	s.changed.Broadcast()
}

func (s *fakeStream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	s.changed.Broadcast()
	for len(s.pieces) == 0 {
		switch {
		case s.end != nil:
			return 0, s.end
		case s.expired:
			return 0, os.ErrDeadlineExceeded
		}
		s.changed.Wait()
	}
	n := copy(p, s.pieces[0])
	if s.pieces[0] = s.pieces[0][n:]; len(s.pieces[0]) == 0 {
		s.pieces = s.pieces[1:]
	}
	return n, nil
}

func (s *fakeStream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, bytes.Clone(p))
	s.changed.Broadcast()
	for s.busy && !s.expired {
		s.changed.Wait()
	}
	if s.busy {
		return 0, os.ErrDeadlineExceeded
	}
	if s.refusal != nil {
		return 0, s.refusal
	}
	return len(p), nil
}

func (s *fakeStream) SetDeadline(t time.Time) error {
	s.change(func() { s.expired = !t.After(time.Now()) })
	return nil
}

// await waits until the stream is in some state.
func (s *fakeStream) await(t *testing.T, what string, is func() bool) {
	t.Helper()
	end := time.Now().Add(patience)
	for s.mu.Lock(); !is(); s.mu.Lock() {
		s.mu.Unlock()
		if time.Now().After(end) {
			t.Fatal("it never happened: ", what)
		}
		time.Sleep(time.Millisecond)
	}
	s.mu.Unlock()
}

func (s *fakeStream) sent() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes)
}

// rec is a record of n bytes and its header.
func rec(n int) []byte {
	return append([]byte{23, 3, 3, byte(n >> 8), byte(n)}, bytes.Repeat([]byte{byte(n)}, n)...)
}

// dribbled is b in pieces of one byte.
func dribbled(b []byte) (pieces [][]byte) { return slices.Collect(slices.Chunk(b, 1)) }

// readRecord reads as a TLS library does that reads ahead: with room for more.
func readRecord(t *testing.T, c *RecordConn) []byte {
	t.Helper()
	var got []byte
	buf := make([]byte, 200_000)
	for want := recordHeaderLen; len(got) < want; {
		n, err := c.Read(buf)
		if err != nil || n == 0 {
			t.Fatalf("read %d, %v after %d bytes of a record", n, err, len(got))
		}
		if got = append(got, buf[:n]...); len(got) >= recordHeaderLen {
			want = recordHeaderLen + int(got[3])<<8 + int(got[4])
		}
	}
	return got
}

func TestOneRecordAtATime(t *testing.T) {
	records := [][]byte{rec(1), rec(0), rec(16384), rec(16384 + 256), rec(65535), rec(65535), rec(65535), rec(65535), rec(2)}
	all := slices.Concat(records...)
	for name, pieces := range map[string][][]byte{
		"all at once":    {all},
		"each by itself": records,
		"dribbled":       dribbled(all),
		"odd pieces":     slices.Collect(slices.Chunk(all, 9973)),
	} {
		s := newFakeStream(pieces...)
		s.end = io.EOF
		c := NewRecordConn(s)
		for i, want := range records {
			if got := readRecord(t, c); !bytes.Equal(got, want) {
				t.Errorf("%s: record %d: %d bytes, want %d", name, i, len(got), len(want))
			}
			if c.Ended() {
				t.Errorf("%s: the end was seen before it was reached", name)
			}
		}
		for range 2 {
			if n, err := c.Read(make([]byte, 10)); n != 0 || err != io.EOF {
				t.Errorf("%s: the end: %d, %v", name, n, err)
			}
		}
		if !c.Ended() || c.Err() != nil {
			t.Errorf("%s: Ended %v, Err %v", name, c.Ended(), c.Err())
		}
	}
}

// A header is whole before it is looked at, wherever in a large buffer it begins: behind
// a record, or so that its rest has no room there.
func TestHeaderInPieces(t *testing.T) {
	for part := 1; part < recordHeaderLen; part++ {
		full := rec(16384)
		odd := rec((flightSize-part)%len(full) - recordHeaderLen)
		many := append([][]byte{odd}, slices.Repeat([][]byte{full}, 2*flightSize/len(full))...)
		few := [][]byte{rec(10), rec(20), rec(30)}
		for name, test := range map[string]struct{ records, pieces [][]byte }{
			"at the end": {many, [][]byte{slices.Concat(many...)}},
			"behind one": {few, [][]byte{slices.Concat(few[0], few[1][:part]), few[1][part:], few[2]}},
		} {
			c := NewRecordConn(newFakeStream(test.pieces...))
			c.in = make([]byte, flightSize)
			for i, want := range test.records {
				if got := readRecord(t, c); !bytes.Equal(got, want) {
					t.Fatalf("%s, %d bytes of it: record %d: %d bytes, want %d", name, part, i, len(got), len(want))
				}
			}
		}
	}
}

// What has been received with one call costs no other.
func TestFewReads(t *testing.T) {
	s := newFakeStream(slices.Concat(rec(100), rec(200), rec(300)))
	c := NewRecordConn(s)
	for range 3 {
		readRecord(t, c)
	}
	if s.reads != 1 {
		t.Errorf("%d reads of the stream for three records that came together", s.reads)
	}
}

// What has been read ahead goes with the stream.
func TestTakeOver(t *testing.T) {
	behind := slices.Concat(rec(20), rec(30)[:9])
	s := newFakeStream(slices.Concat([]byte{22, 3, 3, 0, 1, 2}, rec(10), rec(11), behind))
	c := NewRecordConn(s)
	for range 3 {
		readRecord(t, c)
	}
	if n := c.Protected(); n != 2 {
		t.Errorf("%d records may have been protected", n)
	}
	if stream, received := c.TakeOver(); stream != net.Conn(s) || !bytes.Equal(received, behind) {
		t.Errorf("got %x, want %x", received, behind)
	}
}

// An alert in clear is known as long as nothing has come behind it.
func TestClearAlert(t *testing.T) {
	alert, handshake := []byte{21, 3, 3, 0, 2, 2, 70}, []byte{22, 3, 3, 0, 2, 2, 70}
	c := NewRecordConn(newFakeStream(slices.Concat(handshake, alert, rec(2))))
	for i, want := range []bool{false, true, false} {
		readRecord(t, c)
		if a, ok := c.ClearAlert(); ok != want || ok && a != 70 {
			t.Errorf("record %d: alert %d, %v", i, a, ok)
		}
	}
	c = NewRecordConn(newFakeStream(alert))
	readRecord(t, c)
	if a, ok := c.ClearAlert(); !ok || a != 70 {
		t.Errorf("with nothing behind it: alert %d, %v", a, ok)
	}
}

// What is longer than an alert is a sealed one, of TLS 1.2, which says nothing in clear; and
// nothing is looked for in a record that is not there yet.
func TestNoClearAlert(t *testing.T) {
	sealed := append([]byte{21, 3, 3, 0, 26}, bytes.Repeat([]byte{70}, 26)...)
	for name, pieces := range map[string][][]byte{"sealed": {sealed}, "sealed, dribbled": dribbled(sealed), "dribbled": dribbled([]byte{21, 3, 3, 0, 2, 2, 70})} {
		c := NewRecordConn(newFakeStream(pieces...))
		readRecord(t, c)
		if a, ok := c.ClearAlert(); ok {
			t.Errorf("%s: alert %d", name, a)
		}
	}
}

// What a peer can have us keep is bounded, and has no hole: what comes behind what there
// was no room for is not kept either.
func TestReceivedIsBounded(t *testing.T) {
	pieces := slices.Repeat([][]byte{rec(16384)}, receivedLimit/(16384+recordHeaderLen))
	pieces = append(pieces, rec(20000), rec(100), rec(16384), rec(16384))
	c := NewRecordConn(newFakeStream(pieces...))
	c.KeepReceived()
	for range pieces {
		readRecord(t, c)
	}
	if got := c.Received(); len(got) > receivedLimit || len(got) < receivedLimit/2 || !bytes.HasPrefix(bytes.Join(pieces, nil), got) {
		t.Errorf("%d bytes are kept, which end in %x", len(got), got[len(got)-10:])
	}
	if len(c.Received()) != 0 {
		t.Error("they are kept for ever")
	}
}

func TestSmallReadsOfARecord(t *testing.T) {
	want := slices.Concat(rec(10), rec(20))
	s := newFakeStream(want)
	s.end = io.EOF
	c := NewRecordConn(s)
	var got []byte
	for {
		var b [3]byte
		n, err := c.Read(b[:])
		if got = append(got, b[:n]...); err != nil {
			break
		}
		if len(got) > 15 && len(got)-n < 15 {
			t.Errorf("one read went from byte %d to byte %d, across the boundary at 15", len(got)-n, len(got))
		}
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestEndInsideARecord(t *testing.T) {
	whole := slices.Concat(rec(3), rec(100))
	for cut := range len(whole) + 1 {
		for name, pieces := range map[string][][]byte{"at once": {whole[:cut]}, "dribbled": dribbled(whole[:cut])} {
			if cut == 0 {
				pieces = nil
			}
			s := newFakeStream(pieces...)
			s.end = io.EOF
			c := NewRecordConn(s)
			got, err := io.ReadAll(c)
			if err != nil || !bytes.Equal(got, whole[:cut]) || !c.Ended() {
				t.Errorf("cut at %d, %s: %d bytes, %v, ended: %v", cut, name, len(got), err, c.Ended())
			}
		}
	}
}

// tellsOnce is a stream that tells of its failure once, as a socket of a reset, and then
// of an end of file.
type tellsOnce struct{ *fakeStream }

func (s tellsOnce) Read(p []byte) (int, error) {
	n, err := s.fakeStream.Read(p)
	if err != nil {
		s.change(func() { s.end = io.EOF })
	}
	return n, err
}

func TestStreamFails(t *testing.T) {
	failure := errors.New("reset")
	for cut := range 20 {
		var pieces [][]byte
		if cut > 0 {
			pieces = [][]byte{rec(50)[:cut]}
		}
		s := newFakeStream(pieces...)
		s.end = failure
		c := NewRecordConn(tellsOnce{s})
		got, err := io.ReadAll(c)
		if err != failure || len(got) != cut || c.Ended() || c.Err() != failure {
			t.Errorf("after %d bytes: %d, %v, ended: %v, Err %v", cut, len(got), err, c.Ended(), c.Err())
		}
	}
}

// contents reads one record and gives its content, as a TLS library's Read.
func contents(c *RecordConn) func([]byte) (int, error) {
	var rest []byte
	return func(p []byte) (int, error) {
		for len(rest) == 0 {
			var header [recordHeaderLen]byte
			if _, err := io.ReadFull(c, header[:]); err != nil {
				return 0, err
			}
			rest = make([]byte, int(header[3])<<8+int(header[4]))
			if _, err := io.ReadFull(c, rest); err != nil {
				return 0, err
			}
		}
		n := copy(p, rest)
		rest = rest[n:]
		return n, nil
	}
}

func TestReadBatchTakesWhatIsThere(t *testing.T) {
	s := newFakeStream(slices.Concat(rec(100), rec(0), rec(200), rec(300)[:299]), rec(300)[299:], rec(1))
	c := NewRecordConn(s)
	read := contents(c)
	p := make([]byte, 1000)
	for i, want := range []int{300, 300, 1} {
		if n, err := c.ReadBatch(p, read); n != want || err != nil {
			t.Errorf("batch %d: %d, %v; want %d", i, n, err, want)
		}
		if s.reads != i+1 && s.reads != i+2 {
			t.Errorf("batch %d: %d reads of the stream", i, s.reads)
		}
	}
}

// A record that is no application data is behind one that is: the library
// would wait for what follows it.
func TestReadBatchDoesNotWaitBehindData(t *testing.T) {
	s := newFakeStream(slices.Concat(rec(100), rec(0)))
	c := NewRecordConn(s)
	read := contents(c)
	if n, err := c.ReadBatch(make([]byte, 1000), read); n != 100 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if s.reads != 1 {
		t.Errorf("%d reads of the stream", s.reads)
	}
	s.pieces, s.end = [][]byte{rec(5)}, io.EOF
	if n, err := c.ReadBatch(make([]byte, 1000), read); n != 5 || err != nil {
		t.Errorf("what came later: %d, %v", n, err)
	}
}

func TestReadBatchStopsWhenFull(t *testing.T) {
	c := NewRecordConn(newFakeStream(slices.Concat(rec(100), rec(100))))
	read := contents(c)
	p := make([]byte, 150)
	for i, want := range []int{150, 50} {
		if n, err := c.ReadBatch(p, read); n != want || err != nil {
			t.Errorf("batch %d: %d, %v; want %d", i, n, err, want)
		}
	}
	if n, err := c.ReadBatch(nil, read); n != 0 || err != nil {
		t.Errorf("into nothing: %d, %v", n, err)
	}
}

// Every error comes after the data, alone, and stays.
func TestReadBatchIsFinal(t *testing.T) {
	failure := errors.New("failure")
	for _, end := range []error{io.EOF, failure} {
		s := newFakeStream(rec(100))
		s.end = end
		c := NewRecordConn(s)
		inner := contents(c)
		calls := 0
		read := func(p []byte) (int, error) {
			calls++
			return inner(p)
		}
		if n, err := c.ReadBatch(make([]byte, 1000), read); n != 100 || err != nil {
			t.Errorf("%v: %d, %v before it", end, n, err)
		}
		for range 3 {
			if n, err := c.ReadBatch(make([]byte, 1000), read); n != 0 || err != end {
				t.Errorf("%v: %d, %v", end, n, err)
			}
		}
		if calls != 2 {
			t.Errorf("%v: the library was asked %d times", end, calls)
		}
	}
	// A library that has data and an error at once, and then forgets.
	c := NewRecordConn(newFakeStream())
	forgetful := func(p []byte) (int, error) { return 7, failure }
	if n, err := c.ReadBatch(make([]byte, 1000), forgetful); n != 7 || err != nil {
		t.Errorf("with data: %d, %v", n, err)
	}
	if n, err := c.ReadBatch(make([]byte, 1000), forgetful); n != 0 || err != failure {
		t.Errorf("behind it: %d, %v", n, err)
	}
}

// An error in a batch's second record is told by the next call.
func TestReadBatchKeepsTheErrorBack(t *testing.T) {
	failure := errors.New("bad record")
	c := NewRecordConn(newFakeStream(slices.Concat(rec(100), rec(66))))
	inner := contents(c)
	read := func(p []byte) (int, error) {
		n, err := inner(p)
		if n == 66 {
			return 0, failure
		}
		return n, err
	}
	if n, err := c.ReadBatch(make([]byte, 1000), read); n != 100 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := c.ReadBatch(make([]byte, 1000), read); n != 0 || err != failure {
		t.Errorf("%d, %v", n, err)
	}
}
