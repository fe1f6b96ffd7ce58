package record

import (
	"errors"
	"net"
	"sync"
	"time"

	"tlsify/engine"
)

var errClosed = errors.New("write after close_notify")

// alertPatience is how long a fatal alert may take. The connection is over
// either way.
const alertPatience = 2 * time.Second

// keyUpdateLen is the length of a KeyUpdate message.
const keyUpdateLen = 5

// front is room before the first slot for a record with a KeyUpdate.
const front = keyUpdateLen + Overhead

// sender is a connection's sending side. Its lock is a turn at sealing and
// sending: the writer's, or the reader's that has an alert to send.
type sender struct {
	stream net.Conn
	limit  int // the most content of a record

	// slots belongs to the writer, outside of its turns as well: front, and
	// then room for batch records, content at HeaderLen of each.
	slots []byte
	views [][]byte // of the content in slots

	mu     sync.Mutex
	sealer *Protection
	err    error // why nothing more can be sent

	// owed is what the reading side wants sent but must not wait for: its
	// caller may be the only one to drain the peer.
	owed struct {
		sync.Mutex
		keyUpdate bool
		alert     *engine.Alert
		end       error // the connection is over: what a writer gets to hear
	}
}

// Slots gives the memory that the next Send takes application data from, to be
// filled in order: the content of as many records as go out with one call, all of
// the same length. What is in it is lost with the next Send or Write.
func (s *sender) Slots() [][]byte {
	if s.slots == nil {
		s.slots = make([]byte, front+batch*(s.limit+Overhead))
		for i := range batch {
			s.views = append(s.views, s.slot(i)[HeaderLen:][:s.limit:s.limit])
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
	s.mu.Lock()
	defer s.unlock()
	if err := s.ended(); err != nil {
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
	s.mu.Lock()
	defer s.unlock()
	if err := s.ended(); err != nil {
		if err == errClosed {
			err = nil
		}
		return err
	}
	err := s.sendAlert(alertLevelWarning, engine.AlertCloseNotify)
	if err == nil {
		s.err = errClosed
	}
	return err
}

// Abort stops the sending side because of err, with a fatal alert where there
// is one to send. It never waits for a writer: where one is at work, that one
// sends the alert when it is done.
func (s *sender) Abort(alert *engine.Alert, err error) {
	s.owed.Lock()
	if s.owed.end == nil {
		s.owed.alert, s.owed.end = alert, err
	}
	s.owed.Unlock()
	if s.mu.TryLock() {
		s.unlock()
	}
}

// ended tells why nothing more may be sent, if so.
func (s *sender) ended() error {
	s.owed.Lock()
	defer s.owed.Unlock()
	if s.err != nil {
		return s.err
	}
	return s.owed.end
}

// UpdateKey makes the next Send begin with a KeyUpdate, as it does where the
// peer has asked for one. Any goroutine may call it.
func (s *sender) UpdateKey() {
	s.owed.Lock()
	s.owed.keyUpdate = true
	s.owed.Unlock()
}

// renewKey goes on to the next key where the peer asked for it (RFC 8446,
// section 4.6.3), or the key would do more than its share with another batch
// (section 5.5). The peer's request may wait until there is data to send. The
// record that says so goes to room, and its length is returned.
func (s *sender) renewKey(room []byte) int {
	s.owed.Lock()
	due := s.owed.keyUpdate || s.sealer.Spent()
	s.owed.keyUpdate = false
	s.owed.Unlock()
	if !due {
		return 0
	}
	copy(room[HeaderLen:], []byte{msgKeyUpdate, 0, 0, 1, 0}) // update_not_requested
	n := len(s.sealer.Seal(room, keyUpdateLen, TypeHandshake))
	s.sealer.Update()
	return n
}

func (s *sender) sendAlert(level byte, a engine.Alert) error {
	slot := make([]byte, 2+Overhead)
	slot[HeaderLen], slot[HeaderLen+1] = level, byte(a)
	return s.write(s.sealer.Seal(slot, 2, TypeAlert))
}

func (s *sender) write(records []byte) error {
	if _, err := s.stream.Write(records); err != nil {
		s.err = transportError(err)
	}
	return s.err
}

// unlock ends a turn at writing, and sends the alert that has come to be owed
// meanwhile. Between its last look and the unlocking another may be owed, so
// it looks once more.
func (s *sender) unlock() {
	for {
		if a := s.takeAlert(); a != nil && s.err == nil {
			// No more is lost if it cannot be sent; and it may be too late to
			// set a deadline.
			_ = s.stream.SetWriteDeadline(time.Now().Add(alertPatience))
			_ = s.sendAlert(alertLevelFatal, *a)
		}
		s.mu.Unlock()
		s.owed.Lock()
		again := s.owed.alert != nil
		s.owed.Unlock()
		if !again || !s.mu.TryLock() {
			return
		}
	}
}

func (s *sender) takeAlert() *engine.Alert {
	s.owed.Lock()
	defer s.owed.Unlock()
	a := s.owed.alert
	s.owed.alert = nil
	return a
}
