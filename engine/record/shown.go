package record

import "bytes"

const (
	messageCertificate = 11
	messageHeaderLen   = 4
)

// ShownChain finds the certificates in what a peer sent in a handshake: in clear,
// or under a TLS 1.3 handshake secret. It is nil where there are none, or none
// that are understood.
func ShownChain(received, secret []byte) [][]byte {
	clear, sealed := splitRecords(received)
	if message := findMessage(clear); message != nil {
		return readChain(message, false)
	}
	for i := range suites {
		suite := &suites[i]
		if len(secret) == suite.Hash().Size() {
			if message := findMessage(openAll(suite, secret, sealed)); message != nil {
				return readChain(message, true)
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

// findMessage gives the body of the Certificate among handshake messages.
func findMessage(messages []byte) []byte {
	for len(messages) >= messageHeaderLen {
		length := int(messages[1])<<16 | int(messages[2])<<8 | int(messages[3])
		if len(messages)-messageHeaderLen < length {
			return nil
		}
		body := messages[messageHeaderLen : messageHeaderLen+length]
		if messages[0] == messageCertificate {
			return body
		}
		messages = messages[messageHeaderLen+length:]
	}
	return nil
}

// readChain reads a Certificate of TLS 1.3 (RFC 8446, section 4.4.2) or before
// (RFC 5246, section 7.4.2).
func readChain(body []byte, tls13 bool) (chain [][]byte) {
	take := func(from *[]byte, prefix int) []byte {
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
	if tls13 {
		take(&body, 1)
	}
	list := take(&body, 3)
	for len(list) > 0 {
		cert := take(&list, 3)
		if tls13 {
			take(&list, 2)
		}
		if cert != nil {
			chain = append(chain, bytes.Clone(cert))
		}
	}
	return chain
}
