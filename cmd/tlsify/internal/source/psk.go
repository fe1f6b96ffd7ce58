package source

import (
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
)

// Limits of --psk.
const (
	pskLimit      = 10_000 // keys in a file
	identityLimit = 255    // bytes; RFC 4279, section 5.3, asks for 128
	contextLimit  = 255    // bytes
	keyLimit      = 64     // bytes
)

// PSKs reads --psk: a key a line. Empty lines are passed over; there are no
// comments, because psktool writes a binary identity with # before it.
func (f *Files) PSKs(name string) ([]*engine.PSK, error) {
	content, err := f.Load("psk", name)
	if err != nil {
		return nil, err
	}
	keys, err := parsePSKs(string(content))
	if err != nil {
		return nil, status.Usagef("--psk: %s: %v", status.Cut(name), err)
	}
	return keys, nil
}

func parsePSKs(content string) (keys []*engine.PSK, err error) {
	number, seen := 0, map[string]bool{}
	for line := range strings.Lines(content) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		key, err := parsePSK(line)
		if err == nil && seen[string(key.Identity)] {
			err = errors.New("an identity that stands there before")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err) // no part of the line, which has the key
		}
		seen[string(key.Identity)] = true
		keys = append(keys, key)
	}
	if len(keys) == 0 || len(keys) > pskLimit {
		return nil, fmt.Errorf("it has %d keys, not 1 to %d", len(keys), pskLimit)
	}
	return keys, nil
}

// parsePSK reads IDENTITY:HEX, and what the key is for.
func parsePSK(line string) (*engine.PSK, error) {
	words := strings.Split(line, " ")
	identity, key, ok := strings.Cut(words[0], ":")
	if !ok {
		return nil, errors.New("it is not IDENTITY:HEX")
	}
	p := &engine.PSK{Identity: []byte(identity), Hash: crypto.SHA256}
	var err error
	if text, binary := strings.CutPrefix(identity, "#"); binary {
		if p.Identity, err = hex.DecodeString(text); err != nil {
			return nil, errors.New("an identity with # before it is hexadecimal")
		}
	} else if !utf8.ValidString(identity) || strings.ContainsFunc(identity, unicode.IsControl) {
		return nil, errors.New("an identity is text, or # and hexadecimal")
	}
	if len(p.Identity) == 0 || len(p.Identity) > identityLimit {
		return nil, fmt.Errorf("an identity has 1 to %d bytes", identityLimit)
	}
	if p.Key, err = hex.DecodeString(key); err != nil {
		return nil, errors.New("the key is not hexadecimal")
	}
	if len(p.Key) < engine.LeastPSK || len(p.Key) > keyLimit {
		return nil, fmt.Errorf("a key has %d to %d bytes of full entropy, and no password has", engine.LeastPSK, keyLimit)
	}
	return p, pskUse(p, words[1:])
}

// pskUse reads what stands behind a key: [import] [sha256|sha384] [CONTEXT].
func pskUse(p *engine.PSK, words []string) error {
	if len(words) > 0 && words[0] == "import" {
		p.Imported, words = true, words[1:]
	}
	if len(words) > 0 && (words[0] == "sha256" || words[0] == "sha384") {
		if words[0] == "sha384" {
			p.Hash = crypto.SHA384
		}
		words = words[1:]
	}
	if len(words) > 0 && p.Imported {
		var err error
		if p.Context, err = hex.DecodeString(words[0]); err != nil || len(p.Context) == 0 || len(p.Context) > contextLimit {
			return fmt.Errorf("a context is hexadecimal, of 1 to %d bytes", contextLimit)
		}
		words = words[1:]
	}
	if len(words) > 0 {
		return errors.New("behind the key stands nothing, sha256 or sha384, or import [sha256|sha384] [CONTEXT]")
	}
	return nil
}
