package source

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"strings"

	"tlsify/cmd/tlsify/internal/status"
)

// ticketKeyLimit is the most keys of a file that are used.
const ticketKeyLimit = 16

// TicketKeys reads --ticket-key: a key a line, base64 of 32 bytes, the newest
// first. Empty lines and those that begin with # are passed over.
func (f *Files) TicketKeys(name string) ([][32]byte, error) {
	content, err := f.Load("ticket-key", name)
	if err != nil {
		return nil, err
	}
	var keys [][32]byte
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(key) != 32 {
			return nil, status.Usagef("--ticket-key: %s has a line that is not the base64 of 32 bytes", status.Cut(name))
		}
		keys = append(keys, [32]byte(key))
	}
	if len(keys) == 0 || len(keys) > ticketKeyLimit {
		return nil, status.Usagef("--ticket-key: %s has %d keys, not 1 to %d", status.Cut(name), len(keys), ticketKeyLimit)
	}
	return keys, nil
}

// DER gives the binary content of a file that may be binary, the first PEM
// block of a file, or base64.
func DER(content []byte) []byte {
	if block, _ := pem.Decode(content); block != nil {
		return block.Bytes
	}
	text := strings.Join(strings.Fields(string(content)), "")
	if binary, err := base64.StdEncoding.DecodeString(text); err == nil && len(binary) > 0 {
		return binary
	}
	return content
}

// ECHConfigs reads --ech: an ECHConfigList (RFC 9849, section 4), binary,
// base64 or in a PEM file, in which a server has its key before it (RFC 9934).
func (f *Files) ECHConfigs(name string) ([]byte, error) {
	content, err := f.Load("ech", name)
	if err != nil {
		return nil, err
	}
	list := DER(content)
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ECHCONFIG" {
			list = block.Bytes
			break
		}
	}
	if len(list) < 2+4 || int(binary.BigEndian.Uint16(list)) != len(list)-2 {
		return nil, status.Usagef("--ech: %s is not an ECHConfigList, binary, base64 or PEM", status.Cut(name))
	}
	return list, nil
}
