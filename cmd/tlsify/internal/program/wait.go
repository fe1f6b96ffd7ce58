package program

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/status"
)

// WaitWord is the first argument of a tlsify that is to become PROG: behind it
// stand the number of a socket, the path of PROG, and PROG with its arguments.
// As a command it would be a port without a host.
const WaitWord = ":prog"

// envLimit is more than an exec takes.
const envLimit = 8 << 20

// Wait is all of the life of a process that is to become PROG. It waits
// for PROG's environment and becomes PROG, under the same process number and
// with the same descriptors but for the socket. It returns where that can't be
// done, or isn't to be: an end of the socket without the word to start.
//
// By the socket come the entries of the environment, each ended by a NUL, and
// an empty one; an errno goes back, in decimal, if PROG can't be started, and
// else the socket just ends.
func Wait(args []string) int {
	if len(args) < 3 {
		return status.Usage
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return status.Usage
	}
	unix.CloseOnExec(n)
	socket := os.NewFile(uintptr(n), "starter")
	said, err := io.ReadAll(io.LimitReader(socket, envLimit))
	entries, start := strings.CutSuffix("\x00"+string(said), "\x00\x00")
	if err != nil || len(said) == 0 {
		return status.Internal
	}
	errno := unix.E2BIG
	if start {
		errno = become(args[1], args[2:], entries)
	}
	io.WriteString(socket, strconv.Itoa(int(errno)))
	return CannotRun
}

// become is exec. Each of entries is behind a NUL.
func become(path string, args []string, entries string) syscall.Errno {
	var env []string
	if entries != "" {
		env = strings.Split(entries[1:], "\x00")
	}
	errno := unix.EINVAL
	errors.As(syscall.Exec(path, args, env), &errno)
	return errno
}

// tellToStart makes the process at the other end of the socket PROG, and
// returns when it is that, or why it is not.
func tellToStart(socket *os.File, env []string) error {
	said := strings.Join(env, "\x00") + "\x00"
	if len(env) > 0 {
		said += "\x00"
	}
	if _, err := io.WriteString(socket, said); err != nil {
		return errors.New("the process that was to become it has ended")
	}
	if err := unix.Shutdown(int(socket.Fd()), unix.SHUT_WR); err != nil {
		return err
	}
	answer, err := io.ReadAll(socket)
	if errno, atoiErr := strconv.Atoi(string(answer)); atoiErr == nil && errno > 0 {
		return syscall.Errno(errno)
	}
	return err
}
