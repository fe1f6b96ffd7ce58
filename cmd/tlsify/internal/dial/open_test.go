package dial

import (
	"context"
	"errors"

	"tlsify/stream"
)

// Open is Dial for targets whose stream is no more than a descriptor: without
// TCPFastOpen, unless there is a proxy, and without a proxy over TLS. It
// returns the address that answered as well.
func Open(ctx context.Context, t Target) (*stream.FD, string, error) {
	var address string
	t.Dialed = func(a string) { address = a }
	s, err := Dial(ctx, t)
	if err != nil {
		return nil, "", err
	}
	if s.Conn != s.FD {
		s.FD.Close()
		return nil, "", errors.New("dial: Open cannot return a stream that is more than a descriptor")
	}
	return s.FD, address, nil
}
