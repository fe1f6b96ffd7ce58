// Package sessions keeps a TLS session in a file, so that a later process can
// resume it.
//
// A file holds one session, for one kind of connection: whoever takes it must
// name the same key. Taking removes it, so that none is used twice; putting
// replaces it by rename. Both hold a lock on the directory. Nothing here is
// worth failing a connection for: what can't be read or written is as if it
// weren't there, and the reason is returned for those who want to know.
//
// Who can write the file can make up a session, and with it a server: a file
// that is not the user's own, or that others may read or write, is not used.
//
// The package must not know what a key is made of or what a ticket holds.
package sessions

import (
	"bytes"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// fileLimit is the largest file that is read: a ticket may have 64 kB, and
	// as much again for the chain.
	fileLimit = 256 << 10
	// lockTime is how long the lock is waited for.
	lockTime = time.Second
)

// The PEM blocks of a file.
const (
	blockTicket      = "TLSIFY SESSION"
	blockCertificate = "CERTIFICATE"
	blockStaple      = "OCSP RESPONSE"
	blockTimestamp   = "SIGNED CERTIFICATE TIMESTAMP"
)

// Session is what a file holds: the engine's ticket, and what the server had
// shown of itself when it was verified.
type Session struct {
	Ticket       []byte   // secret
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
	block(blockTicket, s.Ticket, map[string]string{"Key": hex.EncodeToString(key[:])})
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
			if s.Ticket != nil {
				return nil, errors.New("there are two sessions in the file")
			}
			if block.Headers["Key"] != hex.EncodeToString(key[:]) {
				return nil, errOtherKey
			}
			s.Ticket = block.Bytes
		case blockCertificate:
			s.Certificates = append(s.Certificates, block.Bytes)
		case blockStaple:
			s.Staple = block.Bytes
		case blockTimestamp:
			s.Timestamps = append(s.Timestamps, block.Bytes)
		}
	}
	if len(s.Ticket) == 0 || len(s.Certificates) == 0 || len(bytes.TrimSpace(content)) > 0 {
		return nil, errors.New("the session file is damaged or cut")
	}
	return s, nil
}

// Take removes the session for key from the file at path and returns it, or
// says why there is none. One for another key is left where it is.
func Take(path string, key [32]byte) (*Session, error) {
	var s *Session
	err := locked(path, func() error {
		content, err := read(path)
		if err != nil {
			return err
		}
		if s, err = Decode(content, key); err == errOtherKey {
			return err
		}
		// A damaged one goes as well. One that can't be removed could be used
		// twice.
		return errors.Join(err, os.Remove(path))
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Put replaces the file at path by a session for key.
func Put(path string, key [32]byte, s *Session) error {
	return locked(path, func() error {
		// Renaming over a device or a link would do harm far from here.
		if st, err := os.Lstat(path); err == nil && !st.Mode().IsRegular() {
			return fmt.Errorf("%s is no file", path)
		}
		file, err := os.CreateTemp(filepath.Dir(path), ".tlsify-session-")
		if err != nil {
			return err
		}
		defer os.Remove(file.Name()) // fails once it is renamed
		_, err = file.Write(s.Encode(key))
		if err = errors.Join(err, file.Close()); err != nil {
			return err
		}
		return os.Rename(file.Name(), path)
	})
}

// read reads a file that is the user's own and nobody else's to see.
func read(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return nil, err
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, fmt.Errorf("%s is no file", path)
	case int(st.Uid) != os.Geteuid():
		return nil, fmt.Errorf("%s is another user's", path)
	case st.Mode&0o077 != 0:
		return nil, fmt.Errorf("%s can be read or written by others", path)
	case st.Size > fileLimit:
		return nil, fmt.Errorf("%s is too large", path)
	}
	return io.ReadAll(io.LimitReader(file, fileLimit))
}

// locked calls f with the lock on the directory of path.
func locked(path string, f func() error) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	for end := time.Now().Add(lockTime); ; time.Sleep(5 * time.Millisecond) {
		err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f()
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR || time.Now().After(end) {
			return fmt.Errorf("lock %s: %w", dir.Name(), err)
		}
	}
}
