package sessions

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lockTime is how long the lock is waited for.
const lockTime = time.Second

// notOursError is why there is nothing to lock: no file that is ours alone, and so none
// that a session is taken from.
type notOursError struct{ why error }

func (e notOursError) Error() string { return e.why.Error() }
func (e notOursError) Unwrap() error { return e.why }

// A File is where one session is kept: At a path, or Opened by the caller.
type File interface {
	// lock tries to have the lock, which unlock gives up, on what read is to read.
	lock() (descriptor int, unlock func(), err error)
	read(descriptor int) ([]byte, error)
	replace(content []byte) error
	remove() error
}

// locked calls f with the lock, and with what read is to read.
func locked(file File, f func(descriptor int) error) error {
	for end := time.Now().Add(lockTime); ; time.Sleep(5 * time.Millisecond) {
		descriptor, unlock, err := file.lock()
		if err == nil {
			defer unlock()
			return f(descriptor)
		}
		busy := errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR)
		if !busy || time.Now().After(end) {
			return err
		}
	}
}

// At is the file at a path. It is replaced by rename, with the lock on the old one, which
// nobody else can open: that of a directory could be held by whoever may look into it.
func At(path string) File { return named(path) }

type named string

func (n named) lock() (descriptor int, unlock func(), err error) {
	file, err := n.open(os.O_RDWR) // or NFS and SMB do not lock it
	if err != nil {
		return 0, nil, notOursError{err}
	}
	unlock = func() { file.Close() }
	descriptor = int(file.Fd())
	if _, err := checkOwn(descriptor, string(n), false); err != nil {
		unlock()
		return 0, nil, notOursError{err}
	}
	err = unix.Flock(descriptor, unix.LOCK_EX|unix.LOCK_NB)
	if err == nil && !n.isStill(file) {
		err = unix.EWOULDBLOCK // by whoever had the lock before
	}
	if err != nil {
		unlock()
		return 0, nil, fmt.Errorf("lock %s: %w", n, err)
	}
	return descriptor, unlock, nil
}

// isStill tells whether an open file has not been replaced or removed.
func (n named) isStill(file *os.File) bool {
	was, err := file.Stat()
	now, err2 := os.Lstat(string(n))
	return err == nil && err2 == nil && os.SameFile(was, now)
}

func (n named) open(how int) (*os.File, error) {
	return os.OpenFile(string(n), how|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
}

func (n named) read(descriptor int) ([]byte, error) { return readOwn(descriptor, string(n), false) }

func (n named) replace(content []byte) error {
	if err := n.checkReplaced(); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(string(n)), ".tlsify-session-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // fails once it is renamed
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), string(n))
}

// checkReplaced says why what is there is not to be replaced.
func (n named) checkReplaced() error {
	// Renaming over a device or a link would do harm far from here.
	st, err := os.Lstat(string(n))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err == nil && !st.Mode().IsRegular():
		return fmt.Errorf("%s is no file", n)
	}
	// One that others can read is not used, and replaced all the same.
	old, err := n.open(os.O_RDONLY)
	switch {
	case errors.Is(err, os.ErrNotExist): // another has taken it meanwhile
		return nil
	case err != nil:
		return err
	}
	defer old.Close()
	return checkStart(int(old.Fd()))
}

func (n named) remove() error { return os.Remove(string(n)) }

// Opened is a file that the caller has opened to read and write, which may have no
// name any more, or never had one (memfd_create(2)). It is written in place: who is
// killed meanwhile leaves one that is cut, which is no session. The lock is one of
// fcntl(2), because several processes may have come by the same open file.
func Opened(descriptor int) File { return opened(descriptor) }

type opened int

func (o opened) lock() (descriptor int, unlock func(), err error) {
	set := func(kind int16) error {
		err := unix.FcntlFlock(uintptr(o), unix.F_SETLK, &unix.Flock_t{Type: kind, Whence: io.SeekStart})
		if err != nil {
			return fmt.Errorf("lock %s: %w", o, err)
		}
		return nil
	}
	return int(o), func() { set(unix.F_UNLCK) }, set(unix.F_WRLCK)
}

func (o opened) String() string { return fmt.Sprintf("fd:%d", int(o)) }

func (o opened) read(descriptor int) ([]byte, error) {
	content, err := readOwn(descriptor, o.String(), true)
	if err == nil && len(content) == 0 {
		err = fmt.Errorf("%s is empty", o)
	}
	return content, err
}

func (o opened) replace(content []byte) error {
	// What would not be taken from there is not left there for others to see.
	if _, err := checkOwn(int(o), o.String(), true); err != nil {
		return err
	}
	if err := checkStart(int(o)); err != nil {
		return err
	}
	if err := o.remove(); err != nil {
		return err
	}
	for at := 0; at < len(content); {
		n, err := unix.Pwrite(int(o), content[at:], int64(at))
		if err != nil && err != unix.EINTR {
			return errors.Join(os.NewSyscallError("pwrite", err), o.remove())
		}
		at += max(n, 0)
	}
	return nil
}

func (o opened) remove() error { return os.NewSyscallError("ftruncate", unix.Ftruncate(int(o), 0)) }

// checkStart is checkOurs of an open file.
func checkStart(descriptor int) error {
	content, err := readStart(descriptor, 64)
	if err != nil {
		return err
	}
	return checkOurs(content)
}

// readOwn reads a file that checkOwn takes.
func readOwn(descriptor int, name string, nameless bool) ([]byte, error) {
	size, err := checkOwn(descriptor, name, nameless)
	if err != nil {
		return nil, err
	}
	return readStart(descriptor, size)
}

// readStart reads the first bytes of a file, as many as there are of size.
func readStart(descriptor int, size int64) ([]byte, error) {
	content := make([]byte, size)
	for at := 0; at < len(content); {
		n, err := unix.Pread(descriptor, content[at:], int64(at))
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, os.NewSyscallError("pread", err)
		case n == 0:
			return content[:at], nil
		default:
			at += n
		}
	}
	return content, nil
}

// checkOwn tells the size of a file that is the user's own and nobody else's to see;
// or, where it may be nameless, of one that nobody else can find.
func checkOwn(descriptor int, name string, nameless bool) (size int64, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(descriptor, &st); err != nil {
		return 0, err
	}
	hidden := nameless && st.Nlink == 0
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return 0, fmt.Errorf("%s is no file", name)
	case !hidden && int(st.Uid) != os.Geteuid():
		return 0, fmt.Errorf("%s is another user's", name)
	case !hidden && st.Mode&0o077 != 0:
		return 0, fmt.Errorf("%s can be read or written by others", name)
	case st.Size > fileLimit:
		return 0, fmt.Errorf("%s is too large", name)
	}
	return st.Size, nil
}
