package main

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A client speaks first in TLS. Until its first message is there the
// connection needs no process, and takes a few kilobytes: that is what most of
// a flood, a port scan or a health check comes to.

const (
	tlsHandshake    = 22 // RFC 8446, section 5.1
	tlsHeaderLen    = 5
	tlsMostOfRecord = 16384
)

// receive has a connection served, or refuses it.
func (s *service) receive(conn int, origin netip.Prefix) {
	file := os.NewFile(uintptr(conn), "connection") // the runtime waits for all of them together
	file.SetReadDeadline(time.Now().Add(s.inv.handshakeLimit))
	v, limit := s.admission.enter(origin, func() { file.SetReadDeadline(time.Unix(1, 0)) })
	if limit != "" {
		s.refuse(file, limitError(limit))
		return
	}
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
		s.refuse(file, err)
	}()
}

// limitError is the option whose limit is reached.
type limitError string

func (e limitError) Error() string { return string(e) + " is reached" }

var (
	errNoHello   = errors.New("no complete first message came within --handshake-timeout, or before others needed the room")
	errLeftEarly = errors.New("the client left before its first message was complete")
)

// awaitHello waits, until the file's deadline, for the first record to be there,
// or something else that the handshake will make an error of.
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
	limit := time.NewTimer(s.inv.handshakeLimit)
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

// peekHello tells, without waiting, whether a whole record can be read.
func peekHello(conn int) (bool, error) {
	var header [tlsHeaderLen]byte
	n, _, err := unix.Recvfrom(conn, header[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return false, nil
	case err != nil || n == 0:
		return false, errLeftEarly
	case header[0] != tlsHandshake:
		return true, nil
	case n < tlsHeaderLen:
		return false, leftEarly(conn)
	}
	length := int(binary.BigEndian.Uint16(header[3:]))
	if length > tlsMostOfRecord {
		return true, nil
	}
	there, err := arrived(conn, tlsHeaderLen+length)
	if err != nil || there >= tlsHeaderLen+length {
		return true, nil
	}
	return false, leftEarly(conn)
}

// leftEarly is errLeftEarly where the client has ended its side.
func leftEarly(conn int) error {
	fds := []unix.PollFd{{Fd: int32(conn), Events: pollEnded}}
	if n, _ := unix.Poll(fds, 0); n > 0 {
		return errLeftEarly
	}
	return nil
}

// refuse ends a connection that is not served, by a reset: the client sees at
// once that this is no end of anything, and nothing of it stays in the kernel.
func (s *service) refuse(file *os.File, why error) {
	s.notices.say("a connection came to nothing: " + why.Error())
	if raw, err := file.SyscallConn(); err == nil {
		raw.Control(func(conn uintptr) {
			unix.SetsockoptLinger(int(conn), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		})
	}
	file.Close()
}
