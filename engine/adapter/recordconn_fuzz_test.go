package adapter

import (
	"bytes"
	"io"
	"slices"
	"testing"
)

// FuzzRecordConn checks that what is handed out is what was received, in the
// same order and no more, and that no Read goes beyond a record's end.
func FuzzRecordConn(f *testing.F) {
	f.Add(slices.Concat(rec(3), rec(0), rec(40)), []byte{1, 200, 7}, []byte{255})
	f.Add(slices.Concat(rec(300), []byte{23, 3, 3}), []byte{5}, []byte{1, 2, 3})
	f.Add([]byte{22, 3, 1, 255, 255, 1}, []byte{}, []byte{})
	f.Add(slices.Concat(rec(5), rec(5), rec(5)), []byte{4, 1, 9}, []byte{5, 5, 10})
	f.Add([]byte{}, []byte{0}, []byte{0})
	f.Fuzz(func(t *testing.T, received, pieces, sizes []byte) {
		s := newFakeStream()
		s.end = io.EOF
		next := cycle(pieces)
		for rest := received; len(rest) > 0; {
			n := min(next(), len(rest))
			s.pieces = append(s.pieces, rest[:n])
			rest = rest[n:]
		}
		c := NewRecordConn(s)
		size := cycle(sizes)
		boundary := recordEnd(received, 0)
		for at := 0; ; {
			p := make([]byte, size())
			n, err := c.Read(p)
			if at+n > len(received) || !bytes.Equal(p[:n], received[at:at+n]) {
				t.Fatalf("%d bytes at %d are not what was received", n, at)
			}
			if at += n; at > boundary {
				t.Fatalf("a read ended at %d, beyond the record's end at %d", at, boundary)
			}
			if err != nil {
				if err != io.EOF || n != 0 || at != len(received) || !c.Ended() {
					t.Fatalf("%v with %d bytes at %d of %d", err, n, at, len(received))
				}
				return
			}
			if n == 0 {
				t.Fatalf("nothing and no error at %d", at)
			}
			if at == boundary {
				boundary = recordEnd(received, at)
			}
		}
	})
}

// cycle gives the bytes of b over and over, each as a number from 1.
func cycle(b []byte) func() int {
	i := 0
	return func() int {
		if len(b) == 0 {
			return 1000
		}
		i++
		return 1 + int(b[(i-1)%len(b)])
	}
}

// recordEnd is where the record ends that begins at at.
func recordEnd(b []byte, at int) int {
	if len(b)-at < recordHeaderLen {
		return len(b)
	}
	return at + recordHeaderLen + int(b[at+3])<<8 + int(b[at+4])
}
