//go:build linux

package pump

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"tlsify/engine"
	"tlsify/engine/record"
	"tlsify/stream"
)

// kernelReceiver is the receiving side.
type kernelReceiver struct {
	sock    *stream.FD
	key     *record.Protection // but for the sequence number, once it is installed
	control record.Control
	peer    *kernelSender // to be told of what the other side must answer

	// early is what was read from sock before the kernel had the key. It is
	// opened here, the rest of its last record is read here, and only then is
	// the key installed: the kernel must begin at the beginning of a record.
	early     []byte
	installed bool

	pipe  *stream.Conduit // holds what was received, where that can be spliced
	later error           // what stopped splicing behind that
	plain bool            // it can't
	buf   []byte          // for a record that can't be
	piece []byte          // of buf: what it holds
}

func (r *kernelReceiver) receive() error {
	for {
		err := r.move()
		if err != nil {
			r.pipe = r.pipe.Close()
			return r.finish(err)
		}
		if r.holds() {
			return nil
		}
	}
}

// move takes one step: it receives application data, or handles something else,
// or waits.
func (r *kernelReceiver) move() error {
	if !r.installed {
		return r.moveEarly()
	}
	if why := r.later; why != nil { // the kernel does not tell it again
		r.later = nil
		return r.look(why)
	}
	if !r.plain && r.pipe == nil {
		pipe, err := stream.NewConduit()
		r.pipe, r.plain = pipe, err != nil
	}
	if !r.plain {
		return r.splice()
	}
	err := r.read()
	if err == unix.EAGAIN {
		return r.wait()
	}
	return err
}

func (r *kernelReceiver) wait() error {
	if err := r.sock.WaitReadable(); err != nil {
		return &engine.TransportError{Err: err}
	}
	r.sock.Part() // it may be nothing to deliver
	return nil
}

// finish ends the connection because of err, or only the peer's direction, and
// returns what a caller gets to hear.
func (r *kernelReceiver) finish(err error) error {
	if err == io.EOF || err == engine.ErrTruncated {
		return err
	}
	if f, ok := errors.AsType[*record.Fatal](err); ok {
		// The kernel has made the record an error of the socket's, which would
		// be told to the next who sends.
		_, _ = unix.GetsockoptInt(r.sock.Number(), unix.SOL_SOCKET, unix.SO_ERROR)
		r.peer.turn.Abort(&f.Alert, f.Err)
		return f.Err
	}
	r.peer.turn.Abort(nil, err)
	return err
}

// splice moves records into the pipe: as many as are there and fit, so long as
// they are full ones, which others mostly follow.
func (r *kernelReceiver) splice() error {
	for records := 1; ; records++ {
		n, err := r.pipe.Fill(r.sock.Number())
		switch {
		case n > 0:
			if err := r.control.Data(); err != nil {
				return err
			}
			if n < record.MaxPlaintext || r.pipe.FullAfter(records) {
				return nil
			}
		case err == unix.EAGAIN && r.pipe.Held == 0:
			return r.wait()
		case r.pipe.Held > 0:
			if err != unix.EAGAIN {
				r.later = err
			}
			return nil
		default:
			return r.look(err)
		}
	}
}

// look reads what could not be spliced: the stream's end, an empty record, or
// one that is not application data. Why is what was said instead.
func (r *kernelReceiver) look(why error) error {
	if why != nil && why != unix.EINVAL && why != unix.EIO {
		return kernelError(why)
	}
	err := r.read()
	switch {
	case err == unix.EAGAIN && why == nil:
		return nil // it was an empty record
	case err == unix.EAGAIN:
		return kernelError(why) // there is no record: it was the stream's error
	}
	return err
}

// read reads one record without waiting, or several that hold application data.
func (r *kernelReceiver) read() error {
	size := record.MaxPlaintext
	if r.plain {
		size = engine.BatchSize
	}
	if len(r.buf) < size {
		r.buf = make([]byte, size)
	}
	oob := make([]byte, unix.CmsgSpace(1))
	for {
		n, oobn, _, _, err := unix.Recvmsg(r.sock.Number(), r.buf, oob, unix.MSG_DONTWAIT)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return err
		case err != nil:
			return kernelError(err)
		}
		t, err := recordType(oob[:oobn])
		switch {
		case err != nil:
			return err
		case t == 0 && n == 0 && r.peer.wasReset():
			return &engine.TransportError{Err: os.NewSyscallError("recvmsg", unix.ECONNRESET)}
		case t == 0 && n == 0:
			return engine.ErrTruncated
		}
		return r.handle(t, r.buf[:n])
	}
}

// handle keeps application data for deliver, and does what else is to be done.
func (r *kernelReceiver) handle(t record.Type, content []byte) error {
	if t != record.TypeApplicationData || len(content) == 0 {
		return r.control.Take(t, content)
	}
	r.piece = content
	return r.control.Data()
}

func (r *kernelReceiver) holds() bool {
	return len(r.piece) > 0 || r.pipe != nil && r.pipe.Held > 0
}

func (r *kernelReceiver) deliver(out *stream.FD) error {
	if len(r.piece) > 0 {
		_, err := out.Write(r.piece)
		r.piece = nil
		return err
	}
	if out.Splices() {
		if err := out.SpliceFrom(r.pipe); !errors.Is(err, unix.EINVAL) {
			return err
		}
	}
	// Terminals and the like, and files that are open for appending.
	r.plain = true
	buf := make([]byte, engine.BatchSize)
	for r.pipe.Held > 0 {
		n, err := r.pipe.Rescue(buf)
		if err != nil {
			return err
		}
		if _, err := out.Write(buf[:n]); err != nil {
			return err
		}
	}
	return nil
}

func (r *kernelReceiver) drop() error {
	r.piece = nil
	if r.pipe == nil {
		return nil
	}
	buf := make([]byte, engine.BatchSize)
	for r.pipe.Held > 0 {
		if _, err := r.pipe.Rescue(buf); err != nil {
			return err
		}
	}
	return nil
}

// moveEarly takes the next of the records that begin in early.
func (r *kernelReceiver) moveEarly() error {
	if len(r.early) == 0 {
		return r.install()
	}
	rec, err := r.earlyRecord()
	if err != nil {
		return err
	}
	if t := record.Type(rec[0]); t != record.TypeApplicationData {
		return record.AsFatal(record.ErrForeign)
	}
	t, content, err := r.key.Open(nil, rec)
	if err != nil {
		return record.AsFatal(err)
	}
	return r.handle(t, content)
}

// earlyRecord takes one record from early, reading what is missing of it and
// nothing more.
func (r *kernelReceiver) earlyRecord() ([]byte, error) {
	for {
		rec, err := record.Next(r.early)
		if err != nil {
			return nil, record.AsFatal(err)
		}
		if rec != nil {
			r.early = r.early[len(rec):]
			return rec, nil
		}
		missing := record.HeaderLen - len(r.early)
		if missing <= 0 {
			missing += int(binary.BigEndian.Uint16(r.early[3:]))
		}
		rest := make([]byte, missing)
		n, err := r.sock.Read(rest)
		if err == io.EOF {
			return nil, engine.ErrTruncated
		}
		if err != nil {
			return nil, &engine.TransportError{Err: err}
		}
		r.early = append(r.early, rest[:n]...)
	}
}

// install gives the kernel the key.
func (r *kernelReceiver) install() error {
	r.installed = true
	r.early = nil
	if err := installKey(r.sock, tlsRX, r.key); err != nil {
		return fmt.Errorf("kernel TLS: setting the receiving key: %w", err)
	}
	return nil
}

// keyUpdate follows the peer to its next key.
func (r *kernelReceiver) keyUpdate(requested bool) error {
	r.key.Update()
	if r.installed {
		if err := newKey(installKey(r.sock, tlsRX, r.key)); err != nil {
			return &record.Fatal{Alert: engine.AlertInternalError, Err: err}
		}
	}
	if requested {
		r.peer.turn.UpdateKey()
	}
	return nil
}
