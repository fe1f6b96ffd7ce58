package listener

import (
	"encoding/binary"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
)

// What an accept finds on descriptors may be secret: ticket keys, and lines of an
// options descriptor. Between its exec and the moment when it has hardened itself
// any process of its user's can look at its descriptors. So it has /dev/null there
// at first, and a socket, on which it asks when it is hardened. What comes then is
// a number and a length, 4 bytes each, and the content, for each descriptor.

// secretsLimit is more than a listener has read of any file.
const secretsLimit = 32 << 20

// giveWhenAsked is the listener's side. It closes the socket.
func giveWhenAsked(socket *os.File, contents map[int][]byte, limit time.Duration) {
	defer socket.Close()
	socket.SetDeadline(time.Now().Add(limit))
	if n, err := socket.Read(make([]byte, 1)); n == 0 || err != nil {
		return
	}
	for n, content := range contents {
		head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(n)), uint32(len(content)))
		if _, err := socket.Write(append(head, content...)); err != nil {
			return
		}
	}
}

// Heard is the beginning of such an accept: it takes its own arguments, hardens itself, and
// has the listener give it what it has for it. The first descriptor is what PROG has
// as 2.
func Heard(args []string) (errs int, rest []string, exit int) {
	if len(args) < 2 {
		return 0, nil, status.Usage
	}
	errs, _ = strconv.Atoi(args[0])
	socket, _ := strconv.Atoi(args[1])
	if min(errs, socket) < invocation.FirstGiven {
		return 0, nil, status.Usage
	}
	unix.CloseOnExec(errs)
	unix.CloseOnExec(socket)
	process.Harden() // what holds is reported by the sandbox
	if receive(socket) != nil {
		return 0, nil, status.Internal
	}
	return errs, args[2:], status.OK
}

// receive puts what the listener has for it in memory files,
// on the descriptors that it is for.
func receive(socket int) error {
	file := os.NewFile(uintptr(socket), "listener")
	defer file.Close()
	if _, err := file.Write([]byte{1}); err != nil {
		return err
	}
	for {
		var head [8]byte
		if _, err := io.ReadFull(file, head[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		n, length := int(binary.BigEndian.Uint32(head[:])), binary.BigEndian.Uint32(head[4:])
		if length > secretsLimit {
			return unix.EFBIG
		}
		content := make([]byte, length)
		if _, err := io.ReadFull(file, content); err != nil {
			return err
		}
		memory, err := process.MemoryFile(content)
		if err != nil {
			return err
		}
		err = unix.Dup2(memory, n)
		unix.Close(memory)
		if err != nil {
			return os.NewSyscallError("dup2", err)
		}
	}
}
