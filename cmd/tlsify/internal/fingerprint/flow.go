package fingerprint

import (
	"bytes"
	"errors"
)

// segmentLimit is how many of a flow's latest segments are kept: a ClientHello
// comes in a few.
const segmentLimit = 64

// flows puts the segments of TCP connections into order, as far as it takes to
// find a ClientHello. A hello may begin with any segment, because a connection
// may begin in clear (a proxy's CONNECT, STARTTLS) or before the capture does.
type flows struct {
	segments map[flowKey][]segment
	err      error // the last of a ClientHello that is none, or not whole
}

// add takes a segment, and returns the ClientHello that is complete with it.
func (f *flows) add(s segment) []byte {
	if f.segments == nil {
		f.segments = map[flowKey][]segment{}
	}
	flow := append(f.segments[s.flow], s)
	if len(flow) > segmentLimit {
		flow = flow[1:]
	}
	f.segments[s.flow] = flow
	for _, first := range flow {
		if !beginsHello(first.data) {
			continue
		}
		hello, err := ReadHello(bytes.NewReader(joined(flow, first)))
		if err == nil {
			_, err = Parse(hello)
		}
		if err == nil {
			return hello
		}
		f.err = err
	}
	return nil
}

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
