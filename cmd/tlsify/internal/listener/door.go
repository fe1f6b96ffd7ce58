package listener

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
)

// An accept has a socket to its listener, the door. By it comes, in this order,
// what it is to find on its descriptors, and the one connection that it serves.
//
// What an accept finds on descriptors may be secret: ticket keys, and lines of an
// options process. Between its exec and the moment when it has hardened itself
// any process of its user's can look at its descriptors. So it has /dev/null there
// at first, and asks at the door when it is hardened. What comes then is a number
// and a length, 4 bytes each, and the content, for each descriptor; and at the end
// a number that is no descriptor's, and no length.
//
// The connection comes when there is one (process.Give), which may be long
// afterwards: pool.go. If the door ends before, there will be none. When the peer is
// who it should be, the accept asks at the door for PROG (program.Asked), and has no
// more use for it then.

const (
	// secretsLimit is more than a listener has read of any file.
	secretsLimit = 32 << 20
	// noDescriptor ends what is for descriptors.
	noDescriptor = 1<<32 - 1
)

// errEndedAtStart is of a process that ended before it asked for anything.
var errEndedAtStart = errors.New("the connection's process has ended at its start")

// giveWhenAsked is the listener's side of what comes first.
func giveWhenAsked(door *os.File, contents map[int][]byte, limit time.Duration) error {
	door.SetDeadline(time.Now().Add(limit))
	switch _, err := door.Read(make([]byte, 1)); {
	case err == io.EOF:
		return errEndedAtStart
	case err != nil:
		return err
	}
	head := func(n uint32, length int) []byte {
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, n), uint32(length))
	}
	for n, content := range contents {
		if _, err := door.Write(append(head(uint32(n), len(content)), content...)); err != nil {
			return err
		}
	}
	_, err := door.Write(head(noDescriptor, 0))
	return err
}

// Heard is what an accept of a listener's is told by its arguments.
type Heard struct {
	Errors int      // the descriptor that PROG has as 2; 0: the listener starts PROG
	Door   int      // the door's
	Args   []string // of accept
}

// Begin is the beginning of such an accept: it takes its own arguments, hardens
// itself, and has the listener give it what it has for it.
func Begin(args []string) (heard Heard, exit int) {
	const words = 3
	if len(args) < words {
		return heard, status.Usage
	}
	var numbers [words]int
	for i := range numbers {
		numbers[i], _ = strconv.Atoi(args[i])
	}
	heard.Errors, heard.Door = numbers[0], numbers[1]
	if heard.Door < invocation.FirstGiven || heard.Errors != 0 && heard.Errors < invocation.FirstGiven {
		return heard, status.Usage
	}
	if heard.Errors != 0 {
		unix.CloseOnExec(heard.Errors)
	}
	unix.CloseOnExec(heard.Door)
	if numbers[2] > 0 {
		process.OfSoManyProcessors(numbers[2])
	}
	if heard.Errors == 0 { // the listener starts PROG, which would inherit this
		// What is sent to all of our processes is for the listener, which reads its
		// certificates again and does not touch a connection.
		signal.Ignore(syscall.SIGHUP)
	}
	process.Harden() // what holds is reported by the sandbox
	if receive(heard.Door) != nil {
		return heard, status.Internal
	}
	heard.Args = args[words:]
	return heard, status.OK
}

// receive puts what the listener has for it in memory files, on the descriptors
// that it is for. The door stays open.
func receive(door int) error {
	if _, err := unix.Write(door, []byte{1}); err != nil {
		return os.NewSyscallError("write", err)
	}
	for {
		var head [8]byte
		if err := readFull(door, head[:]); err != nil {
			return err
		}
		n, length := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[4:])
		if n == noDescriptor {
			return nil
		}
		if length > secretsLimit {
			return unix.EFBIG
		}
		content := make([]byte, length)
		if err := readFull(door, content); err != nil {
			return err
		}
		memory, err := process.MemoryFile(content)
		if err != nil {
			return err
		}
		err = unix.Dup2(memory, int(n))
		unix.Close(memory)
		if err != nil {
			return os.NewSyscallError("dup2", err)
		}
	}
}

// readFull fills p from a descriptor that blocks.
func readFull(n int, p []byte) error {
	for len(p) > 0 {
		count, err := unix.Read(n, p)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return os.NewSyscallError("read", err)
		case count == 0:
			return io.ErrUnexpectedEOF
		default:
			p = p[count:]
		}
	}
	return nil
}
