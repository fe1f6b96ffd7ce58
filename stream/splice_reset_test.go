//go:build linux

package stream

import (
	"errors"
	"io"
	"testing"

	"golang.org/x/sys/unix"

	"tlsify/stream/streamtest"
)

// A reset is told to a splice as well, and only once.
func TestResetToldToASplice(t *testing.T) {
	ends := streamtest.TCPPair(t)
	f := openFD(t, ends[0])
	c, err := NewConduit()
	if err != nil {
		t.Skip("no pipe can be had: ", err)
	}
	defer c.Close()
	unix.SetsockoptLinger(ends[1], unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	unix.Close(ends[1])
	var sending error
	for sending == nil {
		n, err := unix.Write(c.w, []byte("content"))
		if err != nil {
			t.Fatal(err)
		}
		c.Held += n
		sending = f.SpliceFrom(c)
	}
	if !errors.Is(sending, unix.ECONNRESET) {
		t.Errorf("splicing: %v", sending)
	}
	if _, err := f.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) || err == io.EOF {
		t.Errorf("reading: %v", err)
	}
}
