package fingerprint

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
)

// fileLimit is the most that is read of a capture, in bytes.
const fileLimit = 16 << 20

// Record and message types (RFC 8446, sections 5.1 and 4).
const (
	handshakeRecord = 22
	clientHello     = 1
)

// A Captured is a ClientHello that was found: the message with its header, which
// [Parse] accepts.
type Captured struct {
	Message []byte
	// From and To are the client and the server, where the capture has them.
	From, To netip.AddrPort
}

// Capture finds the first ClientHello in r, as [CaptureAll] does.
func Capture(r io.Reader) (hello []byte, err error) {
	found, err := capture(r, 1)
	if len(found) == 0 {
		return nil, err
	}
	return found[0].Message, nil
}

// CaptureAll finds every ClientHello in r: in a pcap or pcapng file, or the one
// in a TLS record or handshake message, binary or in hexadecimal digits, which
// white space and colons may part. Where a capture is damaged, there is an error
// beside what was found before.
func CaptureAll(r io.Reader) ([]Captured, error) { return capture(r, fileLimit) }

func capture(r io.Reader, limit int) ([]Captured, error) {
	content, err := io.ReadAll(io.LimitReader(r, fileLimit+1))
	if err != nil {
		return nil, err
	}
	if len(content) > fileLimit {
		return nil, fmt.Errorf("the capture has more than %d bytes", fileLimit)
	}
	switch {
	case len(content) == 0:
		return nil, errors.New("the capture is empty")
	case isCaptureFile(content):
		return fromPackets(content, limit)
	}
	hello, err := fromBinary(content)
	if binary, ok := fromHex(content); err != nil && ok {
		hello, err = fromBinary(binary)
	}
	if err != nil {
		return nil, err
	}
	return []Captured{{Message: hello}}, nil
}

// Parse reads what was found.
func (c Captured) Parse() (*Hello, error) {
	h, err := Parse(c.Message)
	if err == nil && c.From.IsValid() {
		h.from, h.to = c.From.String(), c.To.String()
	}
	return h, err
}

// Save writes a ClientHello in hexadecimal digits, which [Capture] reads.
func Save(to io.Writer, hello []byte) error {
	_, err := fmt.Fprintf(to, "%x\n", hello)
	return err
}

// fromBinary takes a record or a message.
func fromBinary(content []byte) (hello []byte, err error) {
	switch content[0] {
	case handshakeRecord:
		hello, err = ReadHello(bytes.NewReader(content))
	case clientHello:
		hello = content
	default:
		return nil, errors.New("this is neither pcap nor pcapng, nor a TLS record or a ClientHello, in binary or hexadecimal")
	}
	if err == nil {
		_, err = Parse(hello)
	}
	if err != nil {
		return nil, err
	}
	return hello, nil
}

// fromHex reads hexadecimal digits.
func fromHex(content []byte) (binary []byte, ok bool) {
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n:", r) {
			return -1
		}
		return r
	}, string(content))
	binary, err := hex.DecodeString(digits)
	return binary, err == nil && len(binary) > 0
}

// ReadHello reads a ClientHello from the beginning of a TLS stream, and nothing
// behind its last record. The message is returned with its header; it is whole,
// but not yet parsed. It reads at most 400 kB; a time limit is the stream's
// owner's business.
func ReadHello(stream io.Reader) (hello []byte, err error) {
	const headerLen, recordLimit, messageHeaderLen = 5, 1 << 14, 4
	var header [headerLen]byte
	for want := messageHeaderLen; len(hello) < want; {
		if _, err := io.ReadFull(stream, header[:]); err != nil {
			return nil, cutOff(err)
		}
		length := int(header[3])<<8 | int(header[4])
		if header[0] != handshakeRecord || header[1] != 3 {
			return nil, errors.New("this is no TLS handshake record")
		}
		if length == 0 || length > recordLimit {
			return nil, fmt.Errorf("a handshake record of %d bytes", length)
		}
		hello = append(hello, make([]byte, length)...)
		if _, err := io.ReadFull(stream, hello[len(hello)-length:]); err != nil {
			return nil, cutOff(err)
		}
		if hello[0] != clientHello {
			return nil, errors.New("the first handshake message is no ClientHello")
		}
		if len(hello) >= messageHeaderLen {
			want = messageHeaderLen + int(hello[1])<<16 + int(hello[2])<<8 + int(hello[3])
		}
		if want > helloLimit {
			return nil, fmt.Errorf("a ClientHello of more than %d bytes", helloLimit)
		}
		if len(hello) > want && want > messageHeaderLen {
			return nil, errors.New("something follows the ClientHello in its record")
		}
	}
	return hello, nil
}
