package record

import (
	"errors"
	"io"

	"tlsify/engine"
)

// receiver is a connection's receiving side.
type receiver struct {
	records Reader
	opener  *Protection
	control Control
	peer    *Turn // to be told of what the other side must answer

	pieces  [][]byte
	pending []byte // application data that was opened and not yet asked for
	failed  error  // what ended reading
}

// Read opens what is there, as much as fits, and waits only for the first byte,
// as [engine.Session] has it. P should have room for a few records.
func (r *receiver) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(r.pending) > 0 {
			m := copy(p[n:], r.pending)
			r.pending = r.pending[m:]
			n += m
			continue
		}
		if r.failed != nil {
			break
		}
		m, more, err := r.receive(p[n:], n == 0)
		if err != nil {
			r.failed = r.end(err)
		} else if !more {
			break
		}
		n += m
	}
	if n == 0 && len(p) > 0 {
		return 0, r.failed
	}
	return n, nil
}

// Pieces is Read without a copy: it opens what is there where it landed, and
// gives it as pieces of memory, in order, that are good until the next call. It
// waits for a record, which may hold no application data: there are no pieces
// then.
func (r *receiver) Pieces() ([][]byte, error) {
	r.pieces = r.pieces[:0]
	for wait := true; r.failed == nil; wait = false {
		_, more, err := r.receive(nil, wait)
		if err != nil {
			r.failed = r.end(err)
		}
		if len(r.pending) > 0 {
			r.addPiece(r.pending)
			r.pending = nil
		} else if !more {
			break
		}
	}
	if len(r.pieces) == 0 {
		return nil, r.failed
	}
	return r.pieces, nil
}

// Ended tells whether the peer's direction has come to its end, which the next
// Read or Pieces will tell without waiting.
func (r *receiver) Ended() bool { return r.failed != nil }

// addPiece adds what lies behind all the others. Short ones are moved together,
// over what is left of their records' headers and tags, so that there are never
// many.
func (r *receiver) addPiece(p []byte) {
	const short = 4096
	if last := len(r.pieces) - 1; last >= 0 && len(p) < short {
		r.pieces[last] = append(r.pieces[last], p...)
		return
	}
	r.pieces = append(r.pieces, p)
}

// receive takes one record; without wait, only if it is here, and else says
// that there are no more. Of application data it returns how much it put to the
// front of p; what did not fit is pending.
func (r *receiver) receive(p []byte, wait bool) (n int, more bool, err error) {
	rec, err := r.records.Next(wait)
	if rec == nil {
		return 0, false, AsFatal(err)
	}
	if Type(rec[0]) != TypeApplicationData {
		return 0, false, unexpected("a record of type %d in clear", rec[0])
	}
	t, content, err := r.opener.Open(p, rec)
	if err != nil {
		return 0, false, AsFatal(err)
	}
	if t == TypeApplicationData && len(content) > 0 {
		if err := r.control.Data(); err != nil {
			return 0, false, err
		}
		if len(p) > 0 && &content[0] == &p[0] {
			return len(content), true, nil
		}
		r.pending = content
		return 0, true, nil
	}
	return 0, true, r.control.Take(t, content)
}

// keyUpdate follows the peer to its next key.
func (r *receiver) keyUpdate(requested bool) error {
	r.opener.Update()
	if requested {
		r.peer.UpdateKey()
	}
	return nil
}

// end ends reading because of err, and returns what a caller of Read gets to
// hear. Writing ends with it where the connection is over, and goes on where
// only the peer's direction has ended.
func (r *receiver) end(err error) error {
	var transport *engine.TransportError
	switch {
	case err == io.EOF:
		return io.EOF
	case errors.As(err, &transport) && transport.Err == io.EOF:
		return engine.ErrTruncated
	}
	if f, ok := errors.AsType[*Fatal](err); ok {
		r.peer.Abort(&f.Alert, f.Err)
		return f.Err
	}
	r.peer.Abort(nil, err)
	return err
}
