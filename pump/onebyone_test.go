package pump

import (
	"bytes"
	"io"
	"testing"

	"golang.org/x/sys/unix"

	"tlsify/engine/record"
	"tlsify/stream/streamtest"
)

// records are three, one of them empty, and the beginning of a fourth.
func someRecords() (whole [][]byte, all []byte) {
	for _, n := range []int{300, 0, 17} {
		rec := append(make([]byte, record.HeaderLen), streamtest.Noise(n)...)
		record.PutHeader(rec, record.TypeApplicationData, n)
		whole = append(whole, rec)
		all = append(all, rec...)
	}
	return whole, append(all, 23, 3, 3)
}

// However it is read, what is left on the descriptor begins a record.
func TestOneByOne(t *testing.T) {
	for _, most := range []int{1, 3, 5, 7, 1000} {
		ends := streamtest.Socketpair(t)
		streamtest.CloseLater(t, ends[0])
		streamtest.CloseLater(t, ends[1])
		whole, all := someRecords()
		unix.Write(ends[0], all)
		e := &OneByOne{FD: newFD(t, ends[1])}
		for i, want := range whole {
			var got []byte
			for len(got) < len(want) {
				buf := make([]byte, most)
				n, err := e.Read(buf)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, buf[:n]...)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("at most %d: record %d: %x", most, i, got)
			}
		}
		e.ReadAhead()
		if n, err := e.Read(make([]byte, 1000)); n != 3 || err != nil {
			t.Errorf("at most %d: the rest is %d bytes, %v", most, n, err)
		}
		unix.Shutdown(ends[0], unix.SHUT_WR)
		if _, err := e.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("at the end: %v", err)
		}
	}
}

// The end of what is there is told wherever it comes: before a record, in its header, and
// in its content.
func TestOneByOneEnds(t *testing.T) {
	for _, text := range []string{"", "\x17\x03", "\x17\x03\x03\x00\x02", "\x17\x03\x03\x00\x02a"} {
		ends := streamtest.Socketpair(t)
		streamtest.CloseLater(t, ends[0])
		streamtest.CloseLater(t, ends[1])
		unix.Write(ends[0], []byte(text))
		unix.Shutdown(ends[0], unix.SHUT_WR)
		e := &OneByOne{FD: newFD(t, ends[1])}
		got, reads := "", 0
		var err error
		for ; err == nil && reads < 10; reads++ {
			buf, n := make([]byte, 100), 0
			n, err = e.Read(buf)
			got += string(buf[:n])
		}
		if got != text || err != io.EOF {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}
