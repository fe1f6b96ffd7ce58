package source

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine/ech"
	"tlsify/verify/pemfile"
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

// DER gives the binary content of a file that may be binary, base64, or PEM: the
// one block with that label.
func DER(content []byte, label string) (der []byte, err error) {
	blocks := 0
	for r := pemfile.NewReader(content); ; blocks++ {
		block, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if block.Label != label {
			continue
		}
		if der != nil {
			return nil, &pemfile.Error{Line: block.Line(), What: "there is more than one " + label + " in it"}
		}
		if der, err = block.Decode(nil); err != nil {
			return nil, err
		}
	}
	if der == nil && blocks > 0 {
		return nil, errors.New("there is no PEM " + label + " in it")
	}
	if der != nil {
		return der, nil
	}
	text := strings.Join(strings.Fields(string(content)), "")
	if binary, err := base64.StdEncoding.DecodeString(text); err == nil && len(binary) > 0 {
		return binary, nil
	}
	return content, nil
}

// ECHConfigs reads --ech: an ECHConfigList (RFC 9849, section 4), binary,
// base64 or in a PEM file, in which a server has its key before it (RFC 9934).
func (f *Files) ECHConfigs(name string) ([]byte, error) {
	content, err := f.Load("ech", name)
	if err != nil {
		return nil, err
	}
	list, err := DER(content, "ECHCONFIG")
	if err != nil {
		return nil, status.Usagef("--ech: %s: %v", status.Cut(name), err)
	}
	if _, err := ech.ParseList(list); err != nil {
		return nil, status.Usagef("--ech: %s is not an ECHConfigList, binary, base64 or PEM: %v", status.Cut(name), err)
	}
	return list, nil
}

// echKeyLimit is the most configurations of a file that are used.
const echKeyLimit = 16

// ECHKeys reads --ech-key: private keys, each before the ECHConfigList that it
// is for (RFC 9934), the newest first.
func (f *Files) ECHKeys(name string) ([]ech.Key, error) {
	content, err := f.Load("ech-key", name)
	if err != nil {
		return nil, err
	}
	keys, err := readECHKeys(content)
	if err != nil {
		return nil, status.Usagef("--ech-key: %s: %v", status.Cut(name), err)
	}
	return keys, nil
}

func readECHKeys(content []byte) (keys []ech.Key, err error) {
	var private *pemfile.Block
	for r := pemfile.NewReader(content); ; {
		block, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		wrong := func(what string) error { return &pemfile.Error{Line: block.Line(), What: what} }
		switch {
		case block.Label == ech.PEMPKCS8 || block.Label == ech.PEMHPKE:
			if private != nil {
				return nil, wrong("there is no ECHCONFIG between this private key and the one before it")
			}
			private = block
		case block.Label == ech.PEMConfig && private == nil:
			return nil, wrong("there is no private key before this ECHCONFIG")
		case block.Label == ech.PEMConfig:
			more, err := joinECH(private, block)
			if err != nil {
				return nil, err
			}
			keys, private = append(keys, more...), nil
		}
	}
	switch {
	case private != nil:
		return nil, &pemfile.Error{Line: private.Line(), What: "there is no ECHCONFIG after this private key"}
	case len(keys) == 0 || len(keys) > echKeyLimit:
		return nil, fmt.Errorf("it has %d private keys with an ECHCONFIG behind them, not 1 to %d", len(keys), echKeyLimit)
	}
	return keys, nil
}

func joinECH(private, config *pemfile.Block) ([]ech.Key, error) {
	key, err := private.Decode(nil)
	if err != nil {
		return nil, err
	}
	list, err := config.Decode(nil)
	if err != nil {
		return nil, err
	}
	keys, err := ech.Keys(private.Label, key, list)
	if err != nil {
		return nil, &pemfile.Error{Line: private.Line(), What: err.Error()}
	}
	return keys, nil
}
