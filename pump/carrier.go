package pump

import (
	"errors"
	"net"

	"tlsify/engine"
	"tlsify/engine/record"
	"tlsify/stream"
)

// A Carrier moves the bytes of one established connection between the caller's
// descriptors and the network. Each direction is two steps, so that the one who
// takes them can tell whose failure it is, and that something has moved: take
// and send, receive and deliver. One goroutine takes and sends while another
// receives and delivers.
type Carrier interface {
	// Name is the word for --pump and for the control channel.
	Name() Kind
	// take waits for bytes from in, and keeps those that one system call gives.
	// The error is in's, io.EOF at its end.
	take(in *stream.FD) (int, error)
	// send protects and sends what was taken last.
	send() error
	// closeWrite sends close_notify.
	closeWrite() error
	// receive waits for bytes from the peer, and keeps those that are there, which
	// may be none. The errors are those of engine.Session's Read.
	receive() error
	// holds tells whether any were.
	holds() bool
	// deliver writes to out what was received last. The error is out's.
	deliver(out *stream.FD) error
	// drop throws away what is left of that.
	drop() error
	// halves tells whether one direction may end long before the other, as it
	// may since TLS 1.3.
	halves() bool
}

// Kind is a kind of Carrier.
type Kind string

const (
	Auto    Kind = "auto"    // the fastest that can be had
	Kernel  Kind = "ktls"    // the kernel makes and opens the records
	Record  Kind = "record"  // on keys that were taken over, records sealed where the caller's bytes land
	Session Kind = "session" // through the engine's library
)

// Kinds are all of them.
var Kinds = [...]Kind{Auto, Kernel, Record, Session}

// Prepare makes a stream ready for its handshake, if the kernel may be what
// carries the bytes afterwards: it takes no socket on which the peer has ended
// already. For Auto that is only where kernel TLS is already there, and can
// follow every peer to its next key. Where the kernel is asked for and can't,
// the error is a *KernelError.
func Prepare(kind Kind, stream net.Conn) error {
	if kind == Auto {
		if there, rekeys := KernelTLS(); there && rekeys {
			_ = installULP(descriptor(stream)) // Choose will see
		}
		return nil
	}
	if kind != Kernel {
		return nil
	}
	return installULP(descriptor(stream))
}

// Choose puts a Carrier on a session that has just been established, and nobody
// has read from or written to. Where it can't be the kind that was asked for,
// the error is the engine's *engine.UnsupportedError or a *KernelError. Auto is
// the kernel where Prepare has made that possible, and where the server cannot ask
// for a certificate later, which the kernel's carrier does not answer.
func Choose(kind Kind, session engine.Session) (Carrier, error) {
	if kind == Session {
		return &sessionCarrier{session: session}, nil
	}
	keys, err := takeOver(session)
	if err != nil {
		if kind == Auto {
			return &sessionCarrier{session: session}, nil
		}
		return nil, err
	}
	if kind == Kernel || kind == Auto && keys.Request == nil && hasULP(descriptor(keys.Stream)) {
		carrier, err := newKernelCarrier(keys)
		if err == nil {
			return carrier, nil
		}
		if refused := new(KernelError); kind == Kernel || !errors.As(err, &refused) {
			return nil, err
		}
	}
	return &recordCarrier{conn: record.NewConn(keys), network: descriptor(keys.Stream), early: len(keys.Received) > 0}, nil
}

// Rekey sends a KeyUpdate now, which asks for the peer's in return. Any goroutine
// may call it while the carrier is in use. It waits as a writer does. An error
// means that nothing was sent, or that the connection has failed, which its
// reader and writer are told too.
func Rekey(c Carrier) error {
	if keyed, ok := c.(interface{ rekey() error }); ok {
		return keyed.rekey()
	}
	return errNoKeys
}

var errNoKeys = errors.New("the keys are with the engine's library, or TLS 1.2 has no new ones")

func takeOver(session engine.Session) (*engine.Keys, error) {
	if keyed, ok := session.(engine.KeyedSession); ok {
		return keyed.TakeOver()
	}
	return nil, errNotKeyed
}

var errNotKeyed = &engine.UnsupportedError{Engine: "in use", What: "a take-over of keys"}
