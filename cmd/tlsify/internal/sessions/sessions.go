// Package sessions keeps a TLS session in a file, so that later processes can resume it.
//
// A file holds one session for one kind of connection: whoever takes it must name the
// same key. It may have several tickets, because some servers give two at once and none
// when one is used. Taking removes the newest ticket, so that none is used twice. The
// tickets of TLS 1.2 stay: they are good until the server gives another (RFC 5077,
// section 3.3). Taking and putting hold a lock. No fault here fails a
// connection: a file that cannot be read or written counts as absent, and the reason is
// returned.
//
// A file that begins with anything else is none of ours, and is left as it is: a name may
// be mistyped, and be a key's.
//
// Whoever can write the file can forge a session, and with it a server. So a file is not
// used when it is not the user's own, or when others may read or write it.
//
// The package must not know what a key is made of or what a ticket holds.
package sessions

import (
	"bytes"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"slices"
)

const (
	// MaxTickets is how many of a session's tickets are kept.
	MaxTickets = 4
	// fileLimit is the largest file that is read or written: a ticket may have
	// 64 kB, and as much again for the chain.
	fileLimit = 256 << 10
)

// The PEM blocks of a file.
const (
	blockTicket      = "TLSIFY SESSION"
	blockCertificate = "CERTIFICATE"
	blockStaple      = "OCSP RESPONSE"
	blockTimestamp   = "SIGNED CERTIFICATE TIMESTAMP"
)

// Session is what a file holds: the engine's tickets, and what the server had
// shown of itself when it was verified.
type Session struct {
	Tickets      [][]byte // secret; at least one, the newest last
	Again        bool     // a ticket may be offered more than once
	Certificates [][]byte // DER, leaf first
	Staple       []byte   // an OCSP response, DER, or nil
	Timestamps   [][]byte
}

// Encode writes a session and its key as a file's content.
func (s *Session) Encode(key [32]byte) []byte {
	var b bytes.Buffer
	block := func(kind string, content []byte, headers map[string]string) {
		pem.Encode(&b, &pem.Block{Type: kind, Headers: headers, Bytes: content})
	}
	headers := map[string]string{"Key": hex.EncodeToString(key[:])}
	if s.Again {
		headers["Again"] = "yes"
	}
	for _, ticket := range s.Tickets {
		block(blockTicket, ticket, headers)
	}
	for _, certificate := range s.Certificates {
		block(blockCertificate, certificate, nil)
	}
	if s.Staple != nil {
		block(blockStaple, s.Staple, nil)
	}
	for _, timestamp := range s.Timestamps {
		block(blockTimestamp, timestamp, nil)
	}
	return b.Bytes()
}

// checkOurs says why a file with this content, or beginning, is not to be overwritten or removed.
func checkOurs(content []byte) error {
	const begin = "-----BEGIN " + blockTicket + "-----"
	if n := min(len(content), len(begin)); string(content[:n]) != begin[:n] {
		return errors.New("the file is no session, and is left as it is")
	}
	return nil
}

// readOurs reads a file that is a session, or what is left of one.
func readOurs(file File, descriptor int) ([]byte, error) {
	content, err := file.read(descriptor)
	if err == nil {
		err = checkOurs(content)
	}
	return content, err
}

var errOtherKey = errors.New("the session is of another kind of connection")

// Decode reads a file's content, which must be for key.
func Decode(content []byte, key [32]byte) (*Session, error) {
	s := &Session{}
	for {
		block, rest := pem.Decode(content)
		if block == nil {
			break
		}
		content = rest
		switch block.Type {
		case blockTicket:
			if len(s.Tickets) == MaxTickets || len(s.Certificates) > 0 {
				return nil, errors.New("there are too many sessions in the file")
			}
			if block.Headers["Key"] != hex.EncodeToString(key[:]) {
				return nil, errOtherKey
			}
			s.Tickets = append(s.Tickets, block.Bytes)
			s.Again = block.Headers["Again"] == "yes"
		case blockCertificate:
			s.Certificates = append(s.Certificates, block.Bytes)
		case blockStaple:
			s.Staple = block.Bytes
		case blockTimestamp:
			s.Timestamps = append(s.Timestamps, block.Bytes)
		}
	}
	if len(s.Tickets) == 0 || len(s.Tickets[0]) == 0 || len(s.Certificates) == 0 || len(bytes.TrimSpace(content)) > 0 {
		return nil, errors.New("the session file is damaged or cut")
	}
	return s, nil
}

// Take gives the session for key in file, with its newest ticket alone, which it
// removes from the file unless it may be offered again. Or it says why there is
// none. One for another key is left where it is, and so is what is no session.
func Take(file File, key [32]byte) (*Session, error) {
	var s *Session
	err := locked(file, func(descriptor int) error {
		content, err := readOurs(file, descriptor)
		if err != nil {
			return err
		}
		s, err = Decode(content, key)
		switch {
		case err == errOtherKey:
			return err
		case err == nil && s.Again:
			s.Tickets = s.Tickets[len(s.Tickets)-1:]
			return nil
		case err == nil && len(s.Tickets) > 1:
			left := *s
			last := len(s.Tickets) - 1
			left.Tickets, s.Tickets = s.Tickets[:last], s.Tickets[last:]
			return file.replace(left.Encode(key))
		}
		// A damaged one goes as well. One that can't be removed could be used
		// twice.
		return errors.Join(err, file.remove())
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Drop removes the session for key from file, with all its tickets. One for another key
// is left where it is, and so is what is no session.
func Drop(file File, key [32]byte) error {
	return locked(file, func(descriptor int) error {
		content, err := readOurs(file, descriptor)
		if err != nil {
			return err
		}
		if _, err := Decode(content, key); err == errOtherKey {
			return err
		}
		return file.remove()
	})
}

// Put replaces what is in file by a session for key. Tickets that are left
// there of the same session stay, as many as there is room for.
func Put(file File, key [32]byte, s *Session) error {
	err := locked(file, func(descriptor int) error {
		merged := *s
		if content, err := file.read(descriptor); err == nil && !s.Again {
			if old, err := Decode(content, key); err == nil && old.Again == s.Again && slices.EqualFunc(old.Certificates, s.Certificates, bytes.Equal) {
				merged.Tickets = append(slices.Clip(old.Tickets), s.Tickets...)
			}
		}
		return file.replace(merged.bounded(key))
	})
	// Where there is nothing of ours no ticket stays: one that came meanwhile, and may
	// have been taken, is not put back.
	if _, ok := errors.AsType[notOursError](err); ok {
		err = file.replace(s.bounded(key))
	}
	return err
}

// bounded is Encode with as many of the newest tickets as there is room for.
func (s *Session) bounded(key [32]byte) []byte {
	most := *s
	most.Tickets = most.Tickets[max(0, len(most.Tickets)-MaxTickets):]
	content := most.Encode(key)
	for len(content) > fileLimit && len(most.Tickets) > 1 {
		most.Tickets = most.Tickets[1:]
		content = most.Encode(key)
	}
	return content
}
