//go:build linux

package pump

import (
	"cmp"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"tlsify/engine"
	"tlsify/engine/record"
	"tlsify/stream"
)

const (
	// lookEvery is how many calls may send before the kernel is asked how many
	// records the key has protected. A call makes fewer than callRecords.
	lookEvery   = 1 << 14
	callRecords = 1 << 6
)

var errNoRekey = &engine.PeerError{Fault: engine.FaultProtocol,
	Err: errors.New("a new key is due (KeyUpdate), which this kernel cannot take; see --pump")}

// kernelSender is the sending side.
type kernelSender struct {
	sock  *stream.FD
	waits bool            // sock blocks: better to wait before a call than in it
	pipe  *stream.Conduit // holds what was taken, where that can be spliced
	plain bool            // it can't
	taken batch           // holds it then

	turn record.Turn

	// They belong to whose turn it is.
	key   *record.Protection // but for the sequence number
	calls int                // since the kernel was asked
	reset bool               // sending has been told of a reset by the peer
}

func (s *kernelSender) take(in *stream.FD) (int, error) {
	n, err := s.takeOnce(in)
	if err != nil {
		s.pipe = s.pipe.Close()
	}
	return n, err
}

func (s *kernelSender) takeOnce(in *stream.FD) (int, error) {
	s.plain = s.plain || !in.Splices()
	if !s.plain && s.pipe == nil {
		pipe, err := stream.NewConduit()
		s.pipe, s.plain = pipe, err != nil
	}
	if !s.plain {
		n, err := in.SpliceTo(s.pipe)
		if !errors.Is(err, unix.EINVAL) {
			return n, err
		}
		s.plain = true // not every file system can
	}
	n, err := in.Read(s.taken.room())
	s.taken.full = s.taken.buf[:n]
	return n, err
}

func (s *kernelSender) send() error {
	err := s.turns(func() (bool, error) {
		if s.plain {
			n, err := unix.SendmsgN(s.sock.Number(), s.taken.full, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
			s.taken.full = s.taken.full[max(n, 0):]
			return len(s.taken.full) == 0, err
		}
		n, err := s.pipe.Drain(s.sock.Number())
		if n == 0 && err == nil {
			err = unix.EIO // it does not happen, and must not happen for ever
		}
		return s.pipe.Held == 0, err
	})
	if err != nil {
		s.pipe = s.pipe.Close()
	}
	return err
}

// closeWrite sends close_notify, once.
func (s *kernelSender) closeWrite() error {
	err := s.turns(func() (bool, error) {
		err := s.sendControl(record.TypeAlert, []byte{record.AlertWarning, byte(engine.AlertCloseNotify)})
		if err == nil {
			s.turn.Fail(record.ErrClosed)
		}
		return true, err
	})
	if err == record.ErrClosed {
		return nil
	}
	return err
}

// turns takes turns at sending until f has sent all, waiting for room in
// between.
func (s *kernelSender) turns(f func() (done bool, err error)) error {
	for {
		if s.waits {
			if err := s.waitForRoom(); err != nil {
				return err
			}
		}
		done, err := s.takeTurn(f)
		if err == unix.EAGAIN {
			done, err = false, s.waitForRoom()
		}
		if err != nil || done {
			return err
		}
		s.sock.Part()
	}
}

// takeTurn takes one turn. The error is unix.EAGAIN where there is no room, or
// final.
func (s *kernelSender) takeTurn(f func() (bool, error)) (done bool, err error) {
	err = s.turn.Take()
	defer s.turn.Pass()
	if err != nil {
		return false, err
	}
	if err = s.renewKey(); err == nil {
		done, err = f()
		s.calls++
	}
	if err == nil || err == unix.EAGAIN {
		return done, err
	}
	s.reset = err == unix.ECONNRESET
	if err != errNoRekey {
		err = &engine.TransportError{Err: err}
	}
	s.turn.Fail(err)
	return false, err
}

// wasReset tells whether the stream's end is a reset in truth, of which the
// kernel tells once: a writer, or a reader.
func (s *kernelSender) wasReset() bool {
	if s.waits && !s.turn.TryTake() {
		return false // the writer may wait for long
	} else if !s.waits {
		_ = s.turn.Take() // it may be told of it right now
	}
	defer s.turn.Pass()
	return s.reset
}

func (s *kernelSender) waitForRoom() error {
	if err := s.sock.WaitWritable(); err != nil {
		return &engine.TransportError{Err: err}
	}
	return nil
}

// sendControl sends a record that is not application data, without waiting.
func (s *kernelSender) sendControl(t record.Type, content []byte) error {
	return unix.Sendmsg(s.sock.Number(), content, typeMessage(t), nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// renewKey goes on to the next key where the peer asked for it (RFC 8446,
// section 4.6.3), or the key has done its share (section 5.5).
func (s *kernelSender) renewKey() error {
	due := s.turn.KeyDue()
	if s.calls >= lookEvery {
		spent, err := s.spent()
		if err != nil {
			return err
		}
		due = due || spent
		s.calls = 0
	}
	if !due {
		return nil
	}
	if err := s.sendControl(record.TypeHandshake, []byte(record.KeyUpdate)); err != nil {
		s.turn.UpdateKey() // for the next turn
		return err
	}
	s.key.Update()
	return newKey(installKey(s.sock, tlsTX, s.key))
}

// rekey sends a KeyUpdate that asks for the peer's in return. Where the kernel
// takes no other key nothing is sent: that would be the connection's end. It is
// asked itself, because a confined process cannot read what KernelTLS reads.
func (s *kernelSender) rekey() (refused error) {
	err := s.turns(func() (bool, error) {
		sequence, err := kernelSequence(s.sock, s.key)
		if err != nil {
			return false, err
		}
		s.key.SetSequence(sequence)
		switch err := s.again(); {
		case err == errNoRekey:
			refused = errors.New("this kernel takes no other key")
			return true, nil
		case err != nil:
			return false, err
		}
		if err := s.sendControl(record.TypeHandshake, []byte(record.KeyUpdateRequest)); err != nil {
			return false, err
		}
		s.key.Update()
		return true, newKey(installKey(s.sock, tlsTX, s.key))
	})
	return cmp.Or(refused, err)
}

// again asks the kernel to take the key that it has once more: errNoRekey where
// there can be no other.
func (s *kernelSender) again() error { return newKey(installKey(s.sock, tlsTX, s.key)) }

// spent tells whether the key must not protect as many records more as may be
// sent before the next look. It fails where there can be no other key.
func (s *kernelSender) spent() (bool, error) {
	sequence, err := kernelSequence(s.sock, s.key)
	if err != nil {
		return false, err
	}
	s.key.SetSequence(sequence + lookEvery*callRecords)
	if !s.key.Spent() {
		return false, nil
	}
	s.key.SetSequence(sequence)
	return true, s.again()
}

// newKey makes sense of what the kernel says to another key.
func newKey(err error) error {
	if err == unix.EBUSY {
		return errNoRekey
	}
	if err != nil {
		return fmt.Errorf("kernel TLS: setting the next key: %w", err)
	}
	return nil
}

// sendFatal sends a fatal alert, if there is room for it: the connection is over.
func (s *kernelSender) sendFatal(a engine.Alert) {
	_ = s.sendControl(record.TypeAlert, []byte{record.AlertFatal, byte(a)})
}
