package dial

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
)

// The bytes of RFC 1928 and RFC 1929.
const (
	socksVersion = 5

	methodNone     = 0x00
	methodPassword = 0x02
	methodRefused  = 0xff

	passwordVersion = 1

	commandConnect = 1

	addressIPv4 = 1
	addressName = 3
	addressIPv6 = 4
)

// replyMeanings are the reply fields of RFC 1928, section 6.
var replyMeanings = sync.OnceValue(func() map[byte]string {
	return map[byte]string{
		1: "general failure",
		2: "its rules do not allow it",
		3: "the network is unreachable",
		4: "the host is unreachable",
		5: "the connection was refused",
		6: "the time to live has expired",
		7: "it does not know the command",
		8: "it does not know the type of address",
	}
})

// isAboutAddress tells whether another address of the same name may fare
// better than one that was answered with reply.
func isAboutAddress(reply byte) bool {
	switch reply {
	case 1, 3, 4, 5, 6, 8:
		return true
	}
	return false
}

// connectSOCKS asks a SOCKS5 proxy to connect to HOST:PORT.
func (p *Proxy) connectSOCKS(conn io.ReadWriter, to string) error {
	request, err := socksRequest(to)
	if err != nil {
		return err
	}
	if err := p.authenticate(conn); err != nil {
		return err
	}
	if _, err := conn.Write(request); err != nil {
		return err
	}
	return readReply(conn)
}

// authenticate agrees on a method (RFC 1928, section 3) and goes through it. A
// password goes only to a proxy that asks for one.
func (p *Proxy) authenticate(conn io.ReadWriter) error {
	methods := []byte{methodNone}
	if p.user != "" {
		methods = append(methods, methodPassword)
	}
	if _, err := conn.Write(append([]byte{socksVersion, byte(len(methods))}, methods...)); err != nil {
		return err
	}
	method, err := readMethod(conn)
	switch {
	case err != nil:
		return err
	case method == methodNone:
		return nil
	case method == methodPassword && p.user != "":
		return p.sendPassword(conn)
	case method == methodRefused && p.user == "":
		return errors.New("it wants authentication, and no user is given")
	case method == methodRefused:
		return errors.New("it wants a kind of authentication other than by user and password")
	}
	return errors.New("it chose a way of authentication that was not offered")
}

// readMethod reads the answer to the methods that were offered.
func readMethod(r io.Reader) (byte, error) {
	var b [2]byte
	if n, err := io.ReadFull(r, b[:1]); err != nil {
		return 0, unanswered(err, n > 0)
	}
	if b[0] != socksVersion {
		return 0, errors.New("what it answers is not SOCKS5")
	}
	if _, err := io.ReadFull(r, b[1:]); err != nil {
		return 0, unanswered(err, true)
	}
	return b[1], nil
}

// sendPassword is RFC 1929.
func (p *Proxy) sendPassword(conn io.ReadWriter) error {
	message := append([]byte{passwordVersion, byte(len(p.user))}, p.user...)
	message = append(append(message, byte(len(p.password))), p.password...)
	if _, err := conn.Write(message); err != nil {
		return err
	}
	return readVerdict(conn)
}

// readVerdict reads what a proxy thinks of a password. The version that it
// answers with is not looked at: several put SOCKS's there.
func readVerdict(r io.Reader) error {
	var b [2]byte
	if n, err := io.ReadFull(r, b[:]); err != nil {
		return unanswered(err, n > 0)
	}
	if b[1] != 0 {
		return errors.New("it does not accept the user and password")
	}
	return nil
}

// socksRequest is RFC 1928, section 4.
func socksRequest(to string) ([]byte, error) {
	host, port, err := split(to)
	if err != nil {
		return nil, err
	}
	b := []byte{socksVersion, commandConnect, 0}
	addr, err := netip.ParseAddr(host)
	addr = addr.Unmap()
	switch {
	case err == nil && addr.Is4():
		b = append(append(b, addressIPv4), addr.AsSlice()...)
	case err == nil:
		b = append(append(b, addressIPv6), addr.AsSlice()...)
	case len(host) > 255:
		return nil, errors.New("the name to connect to is longer than 255 bytes")
	default:
		b = append(append(b, addressName, byte(len(host))), host...)
	}
	return binary.BigEndian.AppendUint16(b, port), nil
}

// readReply reads the reply to a request (RFC 1928, section 6), to the last
// byte of the address that is of no use to us, and nothing behind it.
func readReply(r io.Reader) error {
	var b [2 + 255 + 2]byte
	if n, err := io.ReadFull(r, b[:2]); err != nil {
		return unanswered(err, n > 0)
	}
	if b[0] != socksVersion {
		return errors.New("what it answers to the request is not SOCKS5")
	}
	if reply := b[1]; reply != 0 {
		meaning := replyMeanings()[reply]
		if meaning == "" {
			meaning = "no reply that RFC 1928 knows"
		}
		err := fmt.Errorf("it answers %d (%s)", reply, meaning)
		if isAboutAddress(reply) {
			return unreached{err}
		}
		return err
	}
	// The reserved byte, the type of address, and a name's length, which no
	// shorter reply lacks.
	if _, err := io.ReadFull(r, b[:3]); err != nil {
		return unanswered(err, true)
	}
	var length int // of the rest of the address
	switch b[1] {
	case addressIPv4:
		length = 4 - 1
	case addressIPv6:
		length = 16 - 1
	case addressName:
		length = int(b[2])
	default:
		return errors.New("its reply has an address of no known type")
	}
	if _, err := io.ReadFull(r, b[:length+2]); err != nil {
		return unanswered(err, true)
	}
	return nil
}
