package dial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

const (
	// totalLimit is the most that is read of a server in all. A talkative one
	// has said a few thousand bytes before TLS.
	totalLimit = 64 << 10
	// lineLimit is the most that a line may have. SMTP has 512, IMAP's lists of
	// capabilities are the longest.
	lineLimit = 8 << 10
	// wordsLimit is how much of a server's words an error quotes.
	wordsLimit = 200
)

var (
	errClosed  = errors.New("the server closed the connection without an answer")
	errCutOff  = errors.New("the server closed the connection in the middle of an answer")
	errUnasked = errors.New("the server answers before it is asked, or someone on the way does")
)

func errLongLine() error {
	return fmt.Errorf("the server sends a line of more than %d bytes", lineLimit)
}

// conversation is a dialogue as it goes on. What it has read beyond what was
// understood stays in it: a TLS server does not speak first, so that there is
// nothing of the handshake's to be read too early.
type conversation struct {
	ctx     context.Context
	stream  ClearStream
	unasked bool

	store  [4 << 10]byte
	ahead  []byte // of store, not yet understood
	left   int    // how much may still be read
	alert  bool   // what came first is an alert of TLS
	begun  bool   // a byte of the present answer has come
	failed error  // what ReadByte has failed with
}

// send asks something. An answer that is here already is none.
func (c *conversation) send(question string) error {
	if len(c.ahead) > 0 && !c.unasked {
		return errUnasked
	}
	c.begun = false
	if _, err := io.WriteString(c.stream, question); err != nil {
		return broken(err)
	}
	return nil
}

// ReadByte gives the next byte, as [io.ByteReader].
func (c *conversation) ReadByte() (byte, error) {
	for len(c.ahead) == 0 {
		if c.failed = c.fill(); c.failed != nil {
			return 0, c.failed
		}
	}
	b := c.ahead[0]
	c.ahead = c.ahead[1:]
	c.begun = true
	return b, nil
}

// Read is for what wants an [io.Reader], and reads by ReadByte.
func (c *conversation) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := c.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = b
	return 1, nil
}

func (c *conversation) fill() error {
	// A deadline alone would not do: it does not end reads for which there are
	// bytes.
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	if c.left == 0 {
		return fmt.Errorf("the server says more than %d bytes and comes to no point", totalLimit)
	}
	n, err := c.stream.Read(c.store[:min(len(c.store), c.left)])
	c.ahead = c.store[:n]
	c.alert = c.alert || c.left == totalLimit && bytes.HasPrefix(c.ahead, []byte{21, 3})
	c.left -= n
	switch {
	case n > 0 || err == nil:
		return nil
	case err == io.EOF && c.begun:
		return errCutOff
	case err == io.EOF:
		return errClosed
	}
	return broken(err)
}

// take reads n bytes, of which the caller has checked that there may be so
// many.
func (c *conversation) take(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(c, b)
	return b, err
}

// line reads a line, without its LF and the CR before that.
func (c *conversation) line() (string, error) {
	var line []byte
	for {
		b, err := c.ReadByte()
		if err != nil {
			return "", err
		}
		if b == '\n' {
			if n := len(line); n > 0 && line[n-1] == '\r' {
				line = line[:n-1]
			}
			return string(line), nil
		}
		if len(line) == lineLimit {
			return "", errLongLine()
		}
		line = append(line, b)
	}
}

// nothingBehind makes sure that the server is waiting for us now.
func (c *conversation) nothingBehind() error {
	if len(c.ahead) > 0 {
		return errBehind
	}
	w, ok := c.stream.(waiter)
	if !ok {
		return nil // TLS takes it for a record, which it can't be
	}
	c.stream.SetDeadline(past)
	err := w.WaitReadable()
	if err == nil {
		var b [1]byte
		if n, _ := c.stream.Read(b[:]); n > 0 {
			return errBehind
		}
		return errClosed
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return broken(err)
	}
	return c.stream.SetDeadline(time.Time{})
}

// explained adds to an error of a server that has said nothing, or an alert of TLS (RFC
// 8446, section 6), what that looks like.
func (c *conversation) explained(err error) error {
	if c.alert || c.left == totalLimit {
		return fmt.Errorf("%w; if that port has TLS from the start, leave --starttls out", err)
	}
	return err
}

// broken is a failure of the connection, without the name of a system call.
func broken(err error) error {
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		err = call.Err
	}
	return fmt.Errorf("the connection is lost: %w", err)
}

// refused is the error for an answer that is no yes, with the server's words.
func refused(question, answer string) error {
	return fmt.Errorf("the server answers %s with %s", question, words(answer))
}

// unexpected is the error for a server that does not begin as one does.
func unexpected(greeting string) error {
	return fmt.Errorf("the server begins with %s", words(greeting))
}

// words makes a server's words fit to be shown: on one line, printable, and
// short.
func words(s string) string {
	if len(s) > wordsLimit {
		return strconv.QuoteToASCII(s[:wordsLimit]) + "..."
	}
	return strconv.QuoteToASCII(s)
}

// ClearStream is the network before TLS. Its deadline, which Starttls sets and
// resets, must end a Read or Write that waits.
type ClearStream interface {
	io.ReadWriter
	SetDeadline(time.Time) error
}

// waiter is a ClearStream that can tell whether there is something to read, as a
// [stream.FD] can.
type waiter interface {
	WaitReadable() error // until the deadline
}

// StarttlsError is a server that did not come to the point where TLS begins, or a
// connection that broke before it. The server's words are in it, quoted, and
// short.
type StarttlsError struct {
	Protocol string
	Err      error
}

func (e *StarttlsError) Error() string { return "STARTTLS with " + e.Protocol + ": " + e.Err.Error() }

func (e *StarttlsError) Unwrap() error { return e.Err }

// errBehind is an injection, or a server that is as bad.
var errBehind = errors.New("there are bytes in the clear behind the server's answer, which someone on the way may have put there")
