package record

import (
	"bytes"
	"encoding/binary"
)

const (
	messageServerHello         = 2
	messageEncryptedExtensions = 8
	messageCertificate         = 11
	messageCertificateStatus   = 22
	messageHeaderLen           = 4

	extensionStatusRequest   = 5
	extensionRecordSizeLimit = 28
)

// ShownChain finds the certificates in what a peer sent in a handshake, and the OCSP
// response that is stapled to the first: in clear, or under a TLS 1.3 handshake secret.
// They are nil where there are none, or none that are understood.
func ShownChain(received, secret []byte) (chain [][]byte, staple []byte) {
	clear, sealed := splitRecords(received)
	if message := findMessage(clear, messageCertificate); message != nil {
		chain, _ = readChain(message, false)
		return chain, readStaple(findMessage(clear, messageCertificateStatus))
	}
	return ShownCertificate(findMessage(openAny(secret, sealed), messageCertificate))
}

// ShownCertificate is ShownChain of the content of TLS 1.3's Certificate message.
func ShownCertificate(message []byte) (chain [][]byte, staple []byte) {
	chain, extensions := readChain(message, true)
	return chain, readStaple(findExtension(extensions, extensionStatusRequest))
}

// ShownLimit is the most content that a server wants in a record (RFC 8449,
// section 4), by what it sent in the handshake, for a library that has offered
// the extension and does not heed it. It is MaxPlaintext where it said nothing.
func ShownLimit(received, secret []byte) int {
	const tls13Type = 1 // counts in TLS 1.3
	clear, sealed := splitRecords(received)
	if limit := limitOf(findMessage(openAny(secret, sealed), messageEncryptedExtensions), 0); limit > 0 {
		return min(limit-tls13Type, MaxPlaintext)
	}
	const beforeSession = 2 + 32
	if hello := findMessage(clear, messageServerHello); len(hello) > beforeSession {
		if limit := limitOf(hello, beforeSession+1+int(hello[beforeSession])+2+1); limit > 0 {
			return min(limit, MaxPlaintext)
		}
	}
	return MaxPlaintext
}

// limitOf finds the record_size_limit in the extensions that begin at a position
// of a message; 0 is none.
func limitOf(message []byte, at int) int {
	const least = 64
	if len(message) < at+2 {
		return 0
	}
	limit := findExtension(message[at+2:], extensionRecordSizeLimit)
	if len(limit) != 2 {
		return 0
	}
	return max(least, int(binary.BigEndian.Uint16(limit)))
}

// openAny opens records by the suite that they turn out to be of.
func openAny(secret []byte, sealed [][]byte) []byte {
	for i := range suites {
		if len(secret) == suites[i].Hash().Size() {
			if content := openAll(&suites[i], secret, sealed); content != nil {
				return content
			}
		}
	}
	return nil
}

// splitRecords gives the content of the handshake's records in clear, and those
// that are sealed.
func splitRecords(received []byte) (clear []byte, sealed [][]byte) {
	for {
		rec, err := Next(received)
		if rec == nil || err != nil {
			return clear, sealed
		}
		received = received[len(rec):]
		switch Type(rec[0]) {
		case TypeHandshake:
			clear = append(clear, rec[HeaderLen:]...)
		case TypeApplicationData:
			sealed = append(sealed, rec)
		}
	}
}

// openAll gives what stands in sealed records, up to one that does not open.
func openAll(suite *Suite, secret []byte, sealed [][]byte) (content []byte) {
	p := New(suite, bytes.Clone(secret))
	scratch := make([]byte, MaxLen)
	for _, rec := range sealed {
		kind, opened, err := p.Open(scratch, rec)
		if err != nil {
			break
		}
		if kind == TypeHandshake {
			content = append(content, opened...)
		}
	}
	return content
}

// findMessage gives the body of the first of a kind among handshake messages.
func findMessage(messages []byte, kind byte) []byte {
	for len(messages) >= messageHeaderLen {
		length := int(messages[1])<<16 | int(messages[2])<<8 | int(messages[3])
		if len(messages)-messageHeaderLen < length {
			return nil
		}
		body := messages[messageHeaderLen : messageHeaderLen+length]
		if messages[0] == kind {
			return body
		}
		messages = messages[messageHeaderLen+length:]
	}
	return nil
}

// readChain reads a Certificate of TLS 1.3 (RFC 8446, section 4.4.2), with the first
// one's extensions, or before (RFC 5246, section 7.4.2).
func readChain(body []byte, tls13 bool) (chain [][]byte, extensions []byte) {
	if tls13 {
		take(&body, 1)
	}
	list := take(&body, 3)
	for len(list) > 0 {
		cert := take(&list, 3)
		if tls13 {
			own := take(&list, 2)
			if len(chain) == 0 {
				extensions = own
			}
		}
		if cert != nil {
			chain = append(chain, bytes.Clone(cert))
		}
	}
	return chain, extensions
}

// findExtension gives the content of the first extension of a kind.
func findExtension(extensions []byte, kind uint16) []byte {
	for len(extensions) >= 2 {
		found := binary.BigEndian.Uint16(extensions)
		extensions = extensions[2:]
		if content := take(&extensions, 2); found == kind {
			return content
		}
	}
	return nil
}

// readStaple reads a CertificateStatus (RFC 6066, section 8; RFC 8446, section 4.4.2.1).
func readStaple(status []byte) []byte {
	const ocsp = 1
	if len(status) == 0 || status[0] != ocsp {
		return nil
	}
	status = status[1:]
	return bytes.Clone(take(&status, 3))
}

// take takes a value behind its length of so many bytes; nil where it is cut, which
// is the end of what it is taken from.
func take(from *[]byte, prefix int) []byte {
	length := 0
	if len(*from) < prefix {
		*from = nil
		return nil
	}
	for _, b := range (*from)[:prefix] {
		length = length<<8 | int(b)
	}
	*from = (*from)[prefix:]
	if len(*from) < length {
		*from = nil
		return nil
	}
	value := (*from)[:length]
	*from = (*from)[length:]
	return value
}
