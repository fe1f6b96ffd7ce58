package pump

import (
	"encoding/binary"

	"tlsify/engine/record"
	"tlsify/stream"
)

// OneByOne is a stream that reads no further than to the end of the TLS record
// that it was last asked for a byte of: whoever comes after the one who reads
// finds whole records on the descriptor, and nothing is missing.
type OneByOne struct {
	*stream.FD
	header [record.HeaderLen]byte
	got    int // of the next record's header
	left   int // of the current record's content
	ahead  bool
}

// ReadAhead ends the care: from now on Read takes what is there.
func (e *OneByOne) ReadAhead() { e.ahead = true }

func (e *OneByOne) Read(p []byte) (int, error) {
	switch {
	case e.ahead:
		return e.FD.Read(p)
	case e.left > 0:
		n, err := e.FD.Read(p[:min(len(p), e.left)])
		e.left -= n
		return n, err
	}
	n, err := e.FD.Read(p[:min(len(p), record.HeaderLen-e.got)])
	e.got += copy(e.header[e.got:], p[:n])
	if e.got == record.HeaderLen {
		e.got, e.left = 0, int(binary.BigEndian.Uint16(e.header[3:]))
	}
	return n, err
}

// descriptor is the FD that a connection is, if it is one.
func descriptor(conn any) *stream.FD {
	switch s := conn.(type) {
	case *stream.FD:
		return s
	case *OneByOne:
		return s.FD
	}
	return nil
}
