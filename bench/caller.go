package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// caller is the caller's end of the socketpair. It is served by plain blocking
// system calls with large buffers, so that it costs as little as a caller can.
type caller struct{ fd int }

// errStalled is a helper that neither reads nor writes any more.
var errStalled = errors.New("it has stalled")

// limit bounds each read and each write from now on.
func (c caller) limit(d time.Duration) {
	timeout := unix.NsecToTimeval(int64(d))
	unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout)
	unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout)
}

func (c caller) close() { unix.Close(c.fd) }

// read reads once. At the end of the stream it returns io.EOF.
func (c caller) read(p []byte) (int, error) {
	for {
		n, err := unix.Read(c.fd, p)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return 0, errStalled
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// write writes all of p.
func (c caller) write(p []byte) error {
	for len(p) > 0 {
		n, err := unix.SendmsgN(c.fd, p, nil, nil, unix.MSG_NOSIGNAL)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return errStalled
		case err != nil:
			return err
		}
		p = p[n:]
	}
	return nil
}

func (c caller) order(o order) error { return c.write([]byte(o.String())) }

// greeted waits for the server's greeting, and gives what was negotiated and
// the time of its first byte. Lines of the helper's own before it, which some
// write to the plaintext's descriptor, are passed over.
func (c caller) greeted() (negotiated string, at time.Time, err error) {
	line := make([]byte, 0, 512)
	for {
		n, err := c.read(line[len(line):cap(line)])
		if err != nil {
			return "", at, fmt.Errorf("no greeting from the server: %w", err)
		}
		if at.IsZero() {
			at = time.Now()
		}
		line = line[:len(line)+n]
		for {
			first, rest, whole := bytes.Cut(line, []byte("\n"))
			if !whole {
				break
			}
			if said, ok := strings.CutPrefix(string(first), greetingPrefix); ok {
				return said, at, nil
			}
			line, at = append(line[:0], rest...), time.Time{}
		}
		if len(line) == cap(line) {
			return "", at, errors.New("no greeting from the server, but something else")
		}
	}
}

// send writes n bytes of payload.
func (c caller) send(n int64, data []byte) error {
	for n > 0 {
		some := data[:min(n, int64(len(data)))]
		if err := c.write(some); err != nil {
			return fmt.Errorf("with %d bytes to be sent: %w", n, err)
		}
		n -= int64(len(some))
	}
	return nil
}

// receive reads n bytes of payload.
func (c caller) receive(n int64, buffer []byte) error {
	for n > 0 {
		got, err := c.read(buffer[:min(n, int64(len(buffer)))])
		if err != nil {
			return fmt.Errorf("with %d bytes to come: %w", n, err)
		}
		n -= int64(got)
	}
	return nil
}

// confirmed reads the byte that says that an order was carried out.
func (c caller) confirmed() error {
	answer := make([]byte, 1)
	if _, err := c.read(answer); err != nil {
		return fmt.Errorf("waiting for the confirmation: %w", err)
	}
	if answer[0] != done {
		return fmt.Errorf("bytes were lost or added: 0x%02x in place of the confirmation", answer[0])
	}
	return nil
}
