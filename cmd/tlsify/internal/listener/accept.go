package listener

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/acquire"
	"tlsify/cmd/tlsify/internal/process"
)

// HeardWord is the first argument of an accept of a listener's. Behind it stand
// the numbers of what PROG is to have as descriptor 2, where the accept is to start
// it, or 0, and of the door; how many processors there are, or 0; and the arguments of
// accept. As a command it would be a port without a host.
const HeardWord = ":accept"

// accept is a process that serves one connection.
type accept struct {
	inv  *acquire.Resources // what it was started for
	pid  int
	prog string // the path of PROG
	door *os.File
	said *os.File // its control channel

	furnished chan struct{} // closed when it has what it asked for, or unfit says why not
	unfit     error
	heard     chan struct{} // closed when all that it has said to the end has been heard

	mu      sync.Mutex
	ended   bool
	visitor *visitor // whose connection it has; nil: it waits
}

// unheard tells whether it has said something that hear has not read yet.
func (a *accept) unheard() (is bool) {
	if raw, err := a.said.SyscallConn(); err == nil {
		raw.Control(func(said uintptr) { is = eventsOf(int(said), unix.POLLIN)&unix.POLLIN != 0 })
	}
	return is
}

var errEnded = errors.New("the process has ended")

// attach gives it to a visitor, of whom its end is the end.
func (a *accept) attach(v *visitor) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return errEnded
	}
	a.visitor = v
	return nil
}

// isAlive tells whether it has not ended.
func (a *accept) isAlive() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.ended
}

// end is called when it has ended. It returns whose connection it had, or nil.
func (a *accept) end() *visitor {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	return a.visitor
}

// let lets a connection in by the door.
func (a *accept) let(conn int) error {
	<-a.furnished
	if a.unfit != nil {
		return a.unfit
	}
	raw, err := a.door.SyscallConn()
	if err != nil {
		return err
	}
	controlErr := raw.Control(func(door uintptr) { err = process.Give(int(door), conn) })
	return errors.Join(controlErr, err)
}
