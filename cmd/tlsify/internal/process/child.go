package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/status"
)

// Inheritable lists, for a child's descriptors below most, which of ours each
// is: itself where it was inherited and not named, /dev/null for a standard
// one that was named, and else none.
func Inheritable(most int, fds *Claims, null int) []uintptr {
	files := make([]uintptr, most)
	for n := range files {
		flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
		named := fds.Has(n)
		switch {
		case n <= 2 && (named || err != nil):
			files[n] = uintptr(null)
		case err == nil && flags&unix.FD_CLOEXEC == 0:
			files[n] = uintptr(n)
		default:
			files[n] = ^uintptr(0)
		}
	}
	return files
}

// Reap waits for a child, so that it leaves no zombie.
func Reap(pid int) (status syscall.WaitStatus) {
	for {
		if _, err := syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
			return status
		}
	}
}

// ForkSelf starts another tlsify, which has of our descriptors those that are
// given, under the same numbers, and 2; and this environment. It starts none. 1 is
// /dev/null, and so is 0 where that is not given.
func ForkSelf(args, env []string, given []int, fds *Claims) (pid int, err error) {
	null, err := OpenNull()
	if err != nil {
		return 0, err
	}
	defer unix.Close(null)
	files := []uintptr{uintptr(null), uintptr(null), Inheritable(3, fds, null)[2]}
	if slices.Contains(given, 0) {
		files[0] = 0
	}
	for n := 3; n <= slices.Max(given); n++ {
		if slices.Contains(given, n) {
			files = append(files, uintptr(n))
		} else {
			files = append(files, ^uintptr(0))
		}
	}
	return AgainUnhurried(args, &syscall.ProcAttr{Env: env, Files: files})
}

// Again starts this very program once more.
func Again(args []string, attr *syscall.ProcAttr) (pid int, err error) {
	pid, err = syscall.ForkExec(OwnProgram, args, attr)
	if err == syscall.ENOENT {
		err = missing(OwnProgram, err)
	}
	return pid, err
}

// AgainUnhurried is Again for a process whose timers may be late by lateness, so
// that the runtime's monitor, which wakes 50 times for 20 microseconds each before it
// sleeps longer, wakes less often. It cannot be set from within, and what that process
// starts is as unhurried.
func AgainUnhurried(args []string, attr *syscall.ProcAttr) (pid int, err error) {
	defer unhurried()()
	return Again(args, attr)
}

// missing says what is not there in a small root, and what goes without it.
func missing(file string, err error) error {
	if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) { // it may be there
		return fmt.Errorf("%s: %w", file, err)
	}
	return fmt.Errorf("%s: %w; of all forms only a client without PROG goes without it", file, err)
}

// Find looks a program up in PATH, as execvp does. What could not be started all the
// same, because there is no interpreter, is told before there is a connection.
func Find(name string) (string, error) {
	cannot := func(code int, reason string) error {
		return &status.Failure{Status: code, Code: "usage", Text: "cannot start " + status.Cut(name) + ": " + reason}
	}
	path, err := exec.LookPath(name)
	switch {
	case err == nil || errors.Is(err, exec.ErrDot):
		if lack := interpreterLack(path); lack != "" {
			return "", cannot(status.CannotRun, lack)
		}
		return path, nil
	case name == "":
		return "", &status.Failure{Status: status.NotFound, Code: "usage", Text: "cannot start a program without a name: an empty word stands behind --"}
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EISDIR):
		return "", cannot(status.CannotRun, plainExec(err))
	case strings.ContainsAny(name, " \t\n"):
		return "", cannot(status.NotFound, plainExec(err)+"; a program and its arguments are a word each, and a line for the shell is -- sh -c 'LINE'")
	}
	return "", cannot(status.NotFound, plainExec(err))
}

// interpreterLack says why a script cannot be started for its first line, or nothing.
// execve(2) says only that there is no such file, as if it were the script. What cannot
// be read is no script that could run; and what is no regular file, such as a fifo, is
// not read, which might take for ever.
func interpreterLack(path string) string {
	const most = 256 // of which the kernel takes no more (BINPRM_BUF_SIZE)
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer file.Close()
	var begin [most]byte
	n, _ := file.Read(begin[:])
	line, is := strings.CutPrefix(string(begin[:n]), "#!")
	if !is {
		return ""
	}
	line, _, _ = strings.Cut(line, "\n")
	words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(words) == 0 {
		return ""
	}
	if _, err := os.Stat(words[0]); !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	interpreter, dos := strings.CutSuffix(words[0], "\r")
	if dos {
		return "its first line ends as those of DOS and Windows do, with a carriage return: take that off every line"
	}
	return "its interpreter " + status.Cut(interpreter) + " is not there"
}

func plainExec(err error) string {
	if errors.Is(err, exec.ErrNotFound) {
		return "it is not in PATH"
	}
	if e, ok := errors.AsType[*exec.Error](err); ok {
		err = e.Err
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	}
	return err.Error()
}
