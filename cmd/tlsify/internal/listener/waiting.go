package listener

import (
	"encoding/binary"
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/engine"
)

// A client speaks first in TLS. Until its first message is there the
// connection needs no process, and takes a few kilobytes: that is what most of
// a flood, a port scan or a health check comes to.

const (
	tlsAlert        = 21 // RFC 8446, section 5.1
	tlsHandshake    = 22
	tlsMajor        = 3 // of every version
	tlsClientHello  = 1 // section 4
	tlsHeaderLen    = 5
	tlsAlertLen     = 2 // section 6: how grave, and which
	tlsMostOfRecord = 16384
)

// receive has a connection served, or refuses it.
func (s *service) receive(conn int, from unix.Sockaddr) {
	client := "a client" // whose socket has no address
	if address := facts.AddressOf(from); address.IsValid() {
		client = address.String()
	}
	file := os.NewFile(uintptr(conn), "connection") // the runtime waits for all of them together
	file.SetReadDeadline(time.Now().Add(s.limit))
	v, limit := s.admission.enter(originOf(from), func() { file.SetReadDeadline(time.Unix(1, 0)) })
	if limit != "" {
		s.refuse(file, client, limitError(limit))
		return
	}
	v.client = client
	go func() {
		err := awaitHello(file)
		if err == nil {
			err = s.awaitTurn(v)
		}
		if err == nil {
			err = s.spawn(v, int(file.Fd()))
		}
		if err == nil {
			file.Close()
			return
		}
		s.admission.over(v)
		s.refuse(file, client, err)
	}()
}

// limitError is the option whose limit is reached.
type limitError string

func (e limitError) Error() string { return string(e) + " is reached" }

var (
	errNoHello   = errors.New("no complete first message came within --handshake-timeout, or before others needed the room")
	errLeftEarly = errors.New("the client left before its first message was complete")
	errLeft      = errors.New("the client left before its handshake began")
)

// unservedError is a first message that no process is needed for to refuse it.
type unservedError struct{ what, code string }

func (e unservedError) Error() string { return e.what + " (" + e.code + ")" }

// awaitHello waits, until the file's deadline, for the first record to be there.
func awaitHello(file *os.File) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var peekErr error
	err = raw.Read(func(conn uintptr) bool {
		var whole bool
		whole, peekErr = peekHello(int(conn))
		return whole || peekErr != nil
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errNoHello
	}
	return errors.Join(err, peekErr)
}

// awaitTurn waits until v's handshake may begin, for as long as a handshake may
// take.
func (s *service) awaitTurn(v *visitor) error {
	s.admission.queue(v)
	limit := time.NewTimer(s.limit)
	defer limit.Stop()
	select {
	case <-v.turn:
	case <-limit.C:
	}
	if option := s.admission.refusal(v); option != "" {
		return limitError(option)
	}
	return nil
}

// peekHello tells, without waiting, whether a whole record can be read, or that
// there will be none that could begin with a ClientHello.
func peekHello(conn int) (bool, error) {
	var first [tlsHeaderLen + tlsAlertLen]byte
	n, _, err := unix.Recvfrom(conn, first[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return false, nil
	case err != nil || n == 0:
		return false, errLeftEarly
	case n == len(first) && mayBeAlert(first[:]):
		alert := engine.AlertError{Alert: engine.Alert(first[n-1])}
		return false, unservedError{alert.Error(), "tls-alert"}
	case !mayBeHello(first[:n]) && !mayBeAlert(first[:n]):
		return false, unservedError{engine.NotTLS(first[:n]), "tls-protocol"}
	case n <= tlsHeaderLen, mayBeAlert(first[:n]): // of what may be either there is more to come
		return false, leftEarly(conn)
	}
	length := int(binary.BigEndian.Uint16(first[3:]))
	there, err := arrived(conn, tlsHeaderLen+length)
	if err != nil || there >= tlsHeaderLen+length {
		return true, nil
	}
	return false, leftEarly(conn)
}

// mayBeHello tells whether a record can begin so that begins with a ClientHello:
// of its type, a version of TLS, a length that is allowed, and that message.
func mayBeHello(first []byte) bool {
	for at, b := range first {
		switch {
		case at == 0 && b != tlsHandshake,
			at == 1 && b != tlsMajor,
			at == tlsHeaderLen && b != tlsClientHello:
			return false
		case at == tlsHeaderLen-1:
			if length := int(first[3])<<8 | int(b); length == 0 || length > tlsMostOfRecord {
				return false
			}
		}
	}
	return true
}

// mayBeAlert tells whether a record can begin so that is an alert: what a client
// sends that has nothing to offer, or that thinks better of it.
func mayBeAlert(first []byte) bool {
	for at, b := range first {
		switch {
		case at == 0 && b != tlsAlert,
			at == 1 && b != tlsMajor,
			at == 3 && b != 0,
			at == tlsHeaderLen-1 && b != tlsAlertLen:
			return false
		}
	}
	return true
}

// kindOf is what a refusal is counted as.
func kindOf(why error) string {
	var unserved unservedError
	var system syscall.Errno
	switch {
	case errors.As(why, &unserved):
		return unserved.code
	case errors.As(why, &system):
		return "system"
	}
	return why.Error()
}

// leftEarly is errLeftEarly where the client has ended its side.
func leftEarly(conn int) error {
	if hasLeft(conn) {
		return errLeftEarly
	}
	return nil
}

// hasLeft tells whether the client has ended its side, so that no handshake can end well.
func hasLeft(conn int) bool { return eventsOf(conn, pollEnded) != 0 }

// refuse ends a connection that is not served, by a reset: the client sees at
// once that this is no end of anything, and nothing of it stays in the kernel.
func (s *service) refuse(file *os.File, client string, why error) {
	s.notices.Tell(kindOf(why), client, why.Error())
	if raw, err := file.SyscallConn(); err == nil {
		raw.Control(func(conn uintptr) {
			unix.SetsockoptLinger(int(conn), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		})
	}
	file.Close()
}
