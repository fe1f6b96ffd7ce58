package stream

import (
	"testing"

	"golang.org/x/sys/unix"

	"tlsify/stream/streamtest"
)

// What the kernel says of bytes that wait is their number, on big-endian processors, too:
// there it was 2^32 times as much.
func TestCountsOfTheKernel(t *testing.T) {
	from, to := streamtest.Kinds[4].Flow(t) // TCP
	unix.Write(from, []byte("hello"))
	if err := openFD(t, to).WaitReadable(); err != nil {
		t.Fatal(err)
	}
	if n, err := Unread(to); n != len("hello") || err != nil {
		t.Errorf("%d bytes are unread, %v", n, err)
	}
	streamtest.Fill(t, from)
	if n, err := unsent(from); n <= 0 || n > 1<<30 || err != nil {
		t.Errorf("%d bytes are not sent, %v", n, err)
	}
}
