package pq

import (
	"bytes"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"tlsify/engine"
	"tlsify/engine/record"
)

// written is a stream that keeps what is written, or fails.
type written struct {
	net.Conn
	data  bytes.Buffer
	limit time.Time
	err   error
}

func (w *written) SetWriteDeadline(t time.Time) error {
	w.limit = t
	return nil
}

func (w *written) Write(data []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	return w.data.Write(data)
}

// A write that failed is the last, also where the stream would take more by then: a record
// is missing, or a piece of one.
func TestFlushFails(t *testing.T) {
	stream := &written{err: os.ErrDeadlineExceeded}
	o := outbound{stream: stream, limit: record.MaxPlaintext}
	for range 2 {
		o.queue([]byte("message"))
		if _, ok := errors.AsType[*engine.TransportError](o.flush()); !ok {
			t.Errorf("%v", o.err)
		}
		stream.err = nil
	}
	o.sendAlert(engine.AlertInternalError)
	if stream.data.Len() > 0 {
		t.Errorf("%x went behind what is missing", stream.data.Bytes())
	}
}

// An alert has a limit of time, because the peer may read nothing, and goes behind the
// records that are there; messages that are in none go nowhere.
func TestAlertGoesAlone(t *testing.T) {
	stream := &written{}
	o := outbound{stream: stream, limit: record.MaxPlaintext}
	o.queue([]byte("sent"))
	o.sealFlight()
	o.queue([]byte("not sent"))
	o.sendAlert(engine.AlertInternalError)
	if want := "\x16\x03\x03\x00\x04sent\x15\x03\x03\x00\x02\x02\x50"; stream.data.String() != want {
		t.Errorf("%q, want %q", stream.data.String(), want)
	}
	if wait := time.Until(stream.limit); wait <= 0 || wait > record.AlertPatience {
		t.Errorf("it may take until %v", stream.limit)
	}
}
