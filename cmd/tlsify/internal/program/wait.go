package program

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/status"
)

// WaitWord is the first argument of a tlsify that is to become PROG. Behind it
// stand the numbers of a socket and of what PROG has as 2; the names of the
// variables that may come by the socket once there is a connection, with commas
// between; the path of PROG; and PROG with its arguments. As a command it would be
// a port without a host.
const WaitWord = ":prog"

const (
	// envLimit is more than an exec takes.
	envLimit = 8 << 20
	// valueLimit bounds the value of a variable that comes later. What is longer
	// is left out.
	valueLimit = 8 << 10
)

// Wait is all of the life of a process that is to become PROG. It waits for the
// word to, and becomes PROG, under the same process number and with the same
// descriptors but for the socket. It returns where that can't be done, or isn't
// to be: an end of the socket without the word to start.
//
// By the socket comes first, before there is a connection, the environment: its
// length, 4 bytes, and its entries, each ended by a NUL. What comes then is from
// a process that whoever is at the other end of the network may have taken over:
// values for the variables whose names we have, as entries of the same form, and
// an empty one. An errno goes back, in decimal, if PROG can't be started, and
// else the socket just ends.
func Wait(args []string) int {
	if len(args) < 5 {
		return status.Usage
	}
	n, err1 := strconv.Atoi(args[0])
	errs, err2 := strconv.Atoi(args[1])
	if err1 != nil || err2 != nil {
		return status.Usage
	}
	unix.CloseOnExec(n)
	unix.CloseOnExec(errs)
	socket := os.NewFile(uintptr(n), "starter")
	env, err := readInherited(socket)
	if err != nil {
		return status.Internal
	}
	names := strings.Split(args[2], ",")
	said, err := io.ReadAll(io.LimitReader(socket, mostSaid(names)))
	if err != nil || len(said) == 0 {
		return status.Internal
	}
	values, err := admit(said, names)
	errno := unix.EINVAL
	if err == nil && unix.Dup2(errs, 2) == nil {
		errors.As(syscall.Exec(args[3], args[4:], append(env, values...)), &errno)
	}
	io.WriteString(socket, strconv.Itoa(int(errno)))
	return status.CannotRun
}

// mostSaid bounds what can come late for variables of these names.
func mostSaid(names []string) int64 { return int64(len(names)+1) * (valueLimit + 64) }

// errForeign is what nobody but a taken-over process sends.
var errForeign = errors.New("not the values of variables that may come")

// admit takes the entries apart that came late, and has none but variables of
// these names, each once, with values that are one line of bounded length.
func admit(said []byte, names []string) (values []string, err error) {
	entries, start := strings.CutSuffix("\x00"+string(said), "\x00\x00")
	if !start {
		return nil, errForeign
	}
	if entries == "" {
		return nil, nil
	}
	left := slices.Clone(names)
	for entry := range strings.SplitSeq(entries[1:], "\x00") {
		name, value, ok := strings.Cut(entry, "=")
		at := slices.Index(left, name)
		if !ok || at < 0 || name == "" || len(value) > valueLimit || strings.ContainsFunc(value, unicode.IsControl) {
			return nil, errForeign
		}
		left = slices.Delete(left, at, at+1)
		values = append(values, entry)
	}
	return values, nil
}

// sayInherited has the process at the other end of the socket take over an
// environment.
func sayInherited(socket io.Writer, env []string) error {
	var said []byte
	for _, entry := range env {
		said = append(append(said, entry...), 0)
	}
	if len(said) > envLimit {
		return unix.E2BIG
	}
	_, err := socket.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(said))), said...))
	return err
}

func readInherited(socket io.Reader) ([]string, error) {
	var length [4]byte
	if _, err := io.ReadFull(socket, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > envLimit {
		return nil, unix.E2BIG
	}
	said := make([]byte, n)
	if _, err := io.ReadFull(socket, said); err != nil || n == 0 {
		return nil, err
	}
	return strings.Split(string(said[:n-1]), "\x00"), nil
}

// late is how the values of variables are told: what admit takes apart.
func late(values []string) (said []byte) {
	for _, entry := range values {
		if _, value, _ := strings.Cut(entry, "="); len(value) <= valueLimit {
			said = append(append(said, entry...), 0)
		}
	}
	return append(said, 0)
}

// tellToStart makes the process at the other end of the socket PROG, and
// returns when it is that, or why it is not.
func (p *Program) tellToStart(values []string) error {
	socket := p.starter
	defer socket.Close()
	if _, err := socket.Write(late(values)); err != nil {
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
