package record

import (
	"net"
	"time"

	"tlsify/engine"
)

// AlertPatience is how long a fatal alert may take. The connection is over
// either way.
const AlertPatience = 2 * time.Second

// front is room before the first slot for a record with a KeyUpdate.
const front = len(KeyUpdate) + Overhead

// sender is a connection's sending side.
type sender struct {
	turn   Turn
	stream net.Conn
	limit  int // the most content of a record

	// slots belongs to the writer, outside of its turns as well: front, and
	// then room for batch records, content at HeaderLen of each.
	slots []byte
	views [][]byte // of the content in slots

	sealer *Protection // belongs to whose turn it is
}

// Slots gives the memory that the next Send takes application data from, to be
// filled in order: the content of as many records as go out with one call, all of
// the same length. What is in it is lost with the next Send or Write.
func (s *sender) Slots() [][]byte {
	if s.slots == nil {
		s.slots = make([]byte, front+batch*(s.limit+Overhead))
		s.views = make([][]byte, batch)
		for i := range s.views {
			s.views[i] = s.slot(i)[HeaderLen:][:s.limit:s.limit]
		}
	}
	return s.views
}

func (s *sender) slot(i int) []byte {
	stride := s.limit + Overhead
	return s.slots[front+i*stride:][:stride]
}

// Send protects and sends the first n bytes of what Slots gave, with one call
// to the stream. When it returns nil, all has been taken.
func (s *sender) Send(n int) error {
	err := s.turn.Take()
	defer s.turn.Pass()
	if err != nil {
		return err
	}
	start, end := front-s.renewKey(s.slots[:front]), front
	for i := 0; n > 0; i++ {
		m := min(n, s.limit)
		end += len(s.sealer.Seal(s.slot(i), m, TypeApplicationData))
		n -= m
	}
	return s.write(s.slots[start:end])
}

// Write protects and sends all of p, many records at a time.
func (s *sender) Write(p []byte) (sent int, err error) {
	for sent < len(p) {
		n := 0
		for _, slot := range s.Slots() {
			n += copy(slot, p[sent+n:])
		}
		if err := s.Send(n); err != nil {
			return sent, err
		}
		sent += n
	}
	return sent, nil
}

// CloseWrite sends close_notify, once.
func (s *sender) CloseWrite() error {
	err := s.turn.Take()
	defer s.turn.Pass()
	if err == nil {
		err = s.sendAlert(AlertWarning, engine.AlertCloseNotify)
		if err == nil {
			s.turn.Fail(ErrClosed)
		}
	}
	if err == ErrClosed {
		return nil
	}
	return err
}

// Abort stops the sending side because of err; see [Turn.Abort].
func (s *sender) Abort(alert *engine.Alert, err error) { s.turn.Abort(alert, err) }

// UpdateKey makes the next Send begin with a KeyUpdate.
func (s *sender) UpdateKey() { s.turn.UpdateKey() }

// Rekey sends a KeyUpdate that asks for the peer's in return, at once, and goes on
// to the next key. It waits for its turn, and for the stream.
func (s *sender) Rekey() error {
	err := s.turn.Take()
	defer s.turn.Pass()
	if err != nil {
		return err
	}
	slot := make([]byte, front)
	message := s.sealer.Seal(slot, copy(slot[HeaderLen:], KeyUpdateRequest), TypeHandshake)
	s.sealer.Update()
	return s.write(message)
}

// IsSending tells whether somebody is sending, for whom a Send would wait.
func (s *sender) IsSending() bool {
	if !s.turn.TryTake() {
		return true
	}
	s.turn.Pass()
	return false
}

// answer sends handshake messages that depend on the secret that they are sent
// under, in records of their own.
func (s *sender) answer(build func(secret []byte) ([]byte, error)) error {
	err := s.turn.Take()
	defer s.turn.Pass()
	if err != nil {
		return err
	}
	message, err := build(s.sealer.TrafficKey().Secret)
	if err != nil {
		return err
	}
	var records []byte
	for len(message) > 0 {
		slot := make([]byte, min(len(message), s.limit)+Overhead)
		n := copy(slot[HeaderLen:], message[:min(len(message), s.limit)])
		records = append(records, s.sealer.Seal(slot, n, TypeHandshake)...)
		message = message[n:]
	}
	return s.write(records)
}

// sendFatal sends a fatal alert. No more is lost if it cannot be sent; and it may be
// too late to set a deadline.
func (s *sender) sendFatal(a engine.Alert) {
	_ = s.stream.SetWriteDeadline(time.Now().Add(AlertPatience))
	_ = s.sendAlert(AlertFatal, a)
}

// renewKey goes on to the next key where the peer asked for it (RFC 8446,
// section 4.6.3), or the key would do more than its share with another batch
// (section 5.5). The peer's request may wait until there is data to send. The
// record that says so goes to room, and its length is returned.
func (s *sender) renewKey(room []byte) int {
	if !s.turn.KeyDue() && !s.sealer.Spent() {
		return 0
	}
	n := len(s.sealer.Seal(room, copy(room[HeaderLen:], KeyUpdate), TypeHandshake))
	s.sealer.Update()
	return n
}

func (s *sender) sendAlert(level byte, a engine.Alert) error {
	slot := make([]byte, 2+Overhead)
	slot[HeaderLen], slot[HeaderLen+1] = level, byte(a)
	return s.write(s.sealer.Seal(slot, 2, TypeAlert))
}

func (s *sender) write(records []byte) error {
	_, err := s.stream.Write(records)
	if err != nil {
		err = transportError(err)
		s.turn.Fail(err)
	}
	return err
}
