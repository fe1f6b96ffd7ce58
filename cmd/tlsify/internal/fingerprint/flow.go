package fingerprint

import (
	"bytes"
	"errors"
)

const (
	// segmentLimit is how many of a flow's latest segments are kept: a
	// ClientHello comes in a few.
	segmentLimit = 64
	// begunLimit is how many ClientHellos, of those that a flow may have begun,
	// are looked at with each segment: one comes after another, and a capture
	// that begins one with each segment is not to take minutes.
	begunLimit = 4
)

// flows puts the segments of TCP connections into order, as far as it takes to
// find a ClientHello. A hello may begin with any segment, because a connection
// may begin in clear (a proxy's CONNECT, STARTTLS) or before the capture does.
type flows struct {
	segments map[flowKey][]segment
	done     map[helloKey]bool // found, or not to be
	err      error             // the last of a ClientHello that is none, or not whole
}

// helloKey is where a ClientHello that was found begins: what is sent again is
// not another. A flow has two where the server answers by a HelloRetryRequest.
type helloKey struct {
	flow flowKey
	seq  uint32
}

// add takes a segment, and returns the ClientHello that is complete with it.
func (f *flows) add(s segment) []byte {
	if f.segments == nil {
		f.segments, f.done = map[flowKey][]segment{}, map[helloKey]bool{}
	}
	if rest, ok := bytes.CutPrefix(s.data, changeCipherSpec); ok {
		s.seq, s.data = s.seq+uint32(len(changeCipherSpec)), rest
	}
	flow := append(f.segments[s.flow], s)
	if len(flow) > segmentLimit {
		flow = flow[1:]
	}
	f.segments[s.flow] = flow
	for _, first := range f.begun(flow) {
		hello, err := ReadHello(bytes.NewReader(joined(flow, first)))
		if err == nil {
			_, err = Parse(hello)
		}
		f.done[helloKey{first.flow, first.seq}] = err != errCutOff
		if err == nil {
			return hello
		}
		f.err = err
	}
	return nil
}

// begun are the latest segments that may begin a ClientHello which was not found
// yet.
func (f *flows) begun(flow []segment) (list []segment) {
	for _, s := range flow {
		if beginsHello(s.data) && !f.done[helloKey{s.flow, s.seq}] {
			list = append(list, s)
		}
	}
	return list[max(0, len(list)-begunLimit):]
}

// changeCipherSpec is the record that a client may send before its second
// ClientHello (RFC 8446, appendix D.4).
var changeCipherSpec = []byte{20, 3, 3, 0, 1, 1}

// beginsHello tells whether a segment may be the first of a ClientHello's.
func beginsHello(b []byte) bool {
	const messageAt = 5
	return len(b) > 0 && b[0] == handshakeRecord && (len(b) < 2 || b[1] == 3) && (len(b) <= messageAt || b[messageAt] == clientHello)
}

// joined is the stream from one segment on, as far as it is there. What was
// sent twice is taken once.
func joined(flow []segment, first segment) []byte {
	const streamLimit = 6 * helloLimit
	stream := bytes.Clone(first.data)
	for grown := true; grown && len(stream) < streamLimit; {
		grown = false
		for _, s := range flow {
			// How far behind the first segment s begins; sequence numbers wrap.
			at := int64(int32(s.seq - first.seq))
			if end := at + int64(len(s.data)); at >= 0 && at <= int64(len(stream)) && end > int64(len(stream)) {
				stream = append(stream, s.data[int64(len(stream))-at:]...)
				grown = true
			}
		}
	}
	return stream
}

// failure says why there is no ClientHello.
func (f *flows) failure() error {
	if f.err != nil {
		return f.err
	}
	if len(f.segments) == 0 {
		return errors.New("the capture has no TCP data that can be read")
	}
	return errors.New("the capture has no ClientHello")
}
