package dial

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

var errNotLDAP = errors.New("what the server answers is not LDAP")

// The extended request for StartTLS: RFC 4511, section 4.14.1. It is message 1.
const ldapRequest = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + "1.3.6.1.4.1.1466.20037"

// ldap is RFC 4511, section 4.14.
func ldap(c *conversation, _ string) error {
	if err := c.send(ldapRequest); err != nil {
		return err
	}
	head, err := c.take(2)
	if err != nil {
		return err
	}
	if head[0] != 0x30 || head[1] > 0x84 {
		return errNotLDAP
	}
	if head[1] > 0x80 {
		more, err := c.take(int(head[1] & 0x7f))
		if err != nil {
			return err
		}
		head = append(head, more...)
	}
	_, n, _, ok := berHead(head)
	if !ok {
		return errNotLDAP
	}
	message, err := c.take(n)
	if err != nil {
		return err
	}
	return ldapResult(message)
}

// ldapResult reads an LDAPMessage with an ExtendedResponse (RFC 4511, section
// 4.12): the message's number, and result code, matched name and diagnostic
// message.
func ldapResult(message []byte) error {
	number, message, ok := berNext(message, 0x02)
	response, _, ok2 := berNext(message, 0x78)
	code, response, ok3 := berNext(response, 0x0a)
	_, response, ok4 := berNext(response, 0x04)
	text, _, ok5 := berNext(response, 0x04)
	if !ok || !ok2 || !ok3 || !ok4 || !ok5 || len(number) != 1 || len(code) != 1 {
		return errNotLDAP
	}
	if number[0] == 1 && code[0] == 0 {
		return nil
	}
	// Message 0 is a notice of disconnection.
	return refused("StartTLS", fmt.Sprintf("result %d: %s", code[0], text))
}

// berNext splits the first element off b, which must have this tag. Beyond DER
// it takes lengths that are longer than need be, as some servers write them
// (RFC 4511, section 5.1, rules only the indefinite form out).
func berNext(b []byte, tag byte) (content, rest []byte, ok bool) {
	got, n, rest, ok := berHead(b)
	if !ok || got != tag || n > len(rest) {
		return nil, nil, false
	}
	return rest[:n], rest[n:], true
}

// berHead reads a tag of one byte and a length of at most lineLimit.
func berHead(b []byte) (tag byte, length int, rest []byte, ok bool) {
	if len(b) < 2 || b[1] == 0x80 {
		return 0, 0, nil, false
	}
	tag, length, rest = b[0], int(b[1]), b[2:]
	if length > 0x80 {
		n := length & 0x7f
		if n > 4 || n > len(rest) {
			return 0, 0, nil, false
		}
		length = 0
		for _, octet := range rest[:n] {
			length = length<<8 | int(octet)
		}
		rest = rest[n:]
	}
	return tag, length, rest, length <= lineLimit
}

// postgres is the SSLRequest of PostgreSQL's protocol 3, message format
// SSLRequest.
func postgres(c *conversation, _ string) error {
	if err := c.send("\x00\x00\x00\x08\x04\xd2\x16\x2f"); err != nil {
		return err
	}
	switch answer, err := c.ReadByte(); {
	case err != nil:
		return err
	case answer == 'S':
		return nil
	case answer == 'N':
		return errors.New("the server has no TLS (it answers N)")
	case answer == 'E':
		// What it says then may be anyone's, says the protocol.
		return errors.New("the server answers with an error: it may be too old, or overloaded")
	default:
		return refused("SSLRequest", string(rune(answer)))
	}
}

// MySQL's capability flags.
const (
	mysqlLongPassword   = 1 << 0
	mysqlLongFlag       = 1 << 2
	mysqlProtocol41     = 1 << 9
	mysqlSSL            = 1 << 11
	mysqlTransactions   = 1 << 13
	mysqlSecure         = 1 << 15
	mysqlMultiResults   = 1 << 17
	mysqlPluginAuth     = 1 << 19
	mysqlPluginAuthLong = 1 << 21

	mysqlWanted = mysqlLongPassword | mysqlLongFlag | mysqlProtocol41 | mysqlSSL | mysqlTransactions |
		mysqlSecure | mysqlMultiResults | mysqlPluginAuth | mysqlPluginAuthLong
)

// mysql is the packet Protocol::SSLRequest, in answer to Protocol::HandshakeV10.
func mysql(c *conversation, _ string) error {
	head, err := c.take(4)
	if err != nil {
		return err
	}
	length := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
	if head[3] != 0 || length == 0 || length > lineLimit {
		return errors.New("what the server begins with is not a MySQL greeting")
	}
	greeting, err := c.take(length)
	if err != nil {
		return err
	}
	flags, err := mysqlFlags(greeting)
	if err != nil {
		return err
	}
	request := []byte{32, 0, 0, 1}
	request = binary.LittleEndian.AppendUint32(request, flags&mysqlWanted)
	request = binary.LittleEndian.AppendUint32(request, 1<<24) // the largest packet
	request = append(request, 45)                              // utf8mb4
	request = append(request, make([]byte, 23)...)
	return c.send(string(request))
}

// mysqlFlags reads the capabilities out of a greeting, or the error that
// stands in its place.
func mysqlFlags(greeting []byte) (uint32, error) {
	if greeting[0] == 0xff && len(greeting) >= 3 {
		return 0, unexpected(string(greeting[3:]))
	}
	// Behind the version: thread (4), scramble (8), 0, flags (2), character set
	// (1), status (2), more flags (2).
	version, rest, ok := strings.Cut(string(greeting[1:]), "\x00")
	if greeting[0] != 10 || !ok || len(rest) < 20 {
		return 0, fmt.Errorf("the server's greeting is none of MySQL's protocol 10: version %s", words(version))
	}
	flags := uint32(rest[13]) | uint32(rest[14])<<8 | uint32(rest[18])<<16 | uint32(rest[19])<<24
	if flags&mysqlSSL == 0 {
		return 0, errors.New("the server has no TLS")
	}
	if flags&mysqlProtocol41 == 0 {
		return 0, errors.New("the server is too old")
	}
	return flags, nil
}
