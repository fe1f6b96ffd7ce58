package record

import (
	"io"

	"tlsify/engine"
)

// firstRead is the size of the first read: most ClientHellos fit. The buffer
// grows as needed, so that a peer that sends nothing costs little.
const firstRead = 2048

// ErrForeign is what is no record: what follows is not TLS, or no longer.
var ErrForeign = &Error{engine.AlertUnexpectedMessage, "the peer sent what is no TLS record"}

// Reader takes a stream apart into records, many to a system call. Its zero
// value with a Stream and a Most is ready.
type Reader struct {
	Stream io.Reader
	// Most is how many bytes the buffer may grow to; at least MaxLen.
	Most int

	raw        []byte // raw[start:end] was received and is not yet given out
	start, end int
	full       bool // the last read filled raw: a larger one pays
}

// Next gives the next record, header included, in memory that is good until the
// next call and may be written to. With wait it reads from the stream until
// there is one; without, nil says that there is no whole record here. The
// error is an *Error or a *engine.TransportError, whose Err is io.EOF where the
// stream has ended.
func (r *Reader) Next(wait bool) ([]byte, error) {
	for {
		have := r.raw[r.start:r.end]
		if len(have) >= 2 && (have[0] < 20 || have[0] > 23 || have[1] != 3) {
			return nil, ErrForeign
		}
		rec, err := Next(have)
		if err != nil {
			return nil, err
		}
		if rec != nil {
			r.start += len(rec)
			return rec, nil
		}
		if !wait {
			return nil, nil
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// Rest is what has been received and not given out.
func (r *Reader) Rest() []byte { return r.raw[r.start:r.end] }

// fill reads from the stream once.
func (r *Reader) fill() error {
	if r.start > 0 {
		copy(r.raw, r.raw[r.start:r.end])
		r.start, r.end = 0, r.end-r.start
	}
	if r.end == len(r.raw) || r.full {
		if size := min(max(firstRead, 2*len(r.raw)), r.Most); size > len(r.raw) {
			grown := make([]byte, size)
			copy(grown, r.raw[:r.end])
			r.raw = grown
		}
	}
	for range 100 {
		n, err := r.Stream.Read(r.raw[r.end:])
		r.end += n
		r.full = r.end == len(r.raw)
		if n > 0 {
			return nil // an error will come again
		}
		if err != nil {
			return transportError(err)
		}
	}
	return transportError(io.ErrNoProgress)
}
