package verify

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Package os brings the runtime's poller for each file, which a regular one has no
// use for; and a connection waits while we read.

// fileTime is how long a FIFO's writer may take.
const fileTime = 30 * time.Second

// fileLimit is the most that is read of a file. A bundle of all the world's roots has
// 250 kB.
const fileLimit = 16 << 20

// openFile opens a file to be read, without waiting for a FIFO's writer to come.
func openFile(path string) (n int, info syscall.Stat_t, err error) {
	n, err = retried(func() (int, error) {
		return syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	})
	if err == nil {
		if err = syscall.Fstat(n, &info); err != nil {
			syscall.Close(n)
		}
	}
	if err != nil {
		return -1, info, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return n, info, nil
}

// readFile is os.ReadFile that does not wait for a FIFO's writer to come.
func readFile(path string) ([]byte, error) {
	n, info, err := openFile(path)
	if err != nil {
		return nil, err
	}
	return readOpen(n, &info, path)
}

// readOpen reads what openFile has opened, and closes it.
func readOpen(n int, info *syscall.Stat_t, path string) ([]byte, error) {
	if info.Mode&syscall.S_IFMT == syscall.S_IFREG {
		defer syscall.Close(n)
		if info.Size > fileLimit {
			return nil, tooLarge()
		}
		return readFrom(n, info.Size, path)
	}
	file := os.NewFile(uintptr(n), path)
	defer file.Close()
	file.SetReadDeadline(time.Now().Add(fileTime)) // where that is possible it is needed
	text, err := io.ReadAll(io.LimitReader(file, fileLimit+1))
	if err == nil && len(text) > fileLimit {
		err = tooLarge()
	}
	return text, err
}

func tooLarge() error { return fmt.Errorf("it has more than %d bytes", fileLimit) }

// readFrom reads a regular file of about that size, from its start.
func readFrom(n int, size int64, path string) ([]byte, error) {
	text := make([]byte, 0, size+1) // one more, to see its end
	for {
		got, err := retried(func() (int, error) { return syscall.Pread(n, text[len(text):cap(text)], int64(len(text))) })
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: path, Err: err}
		}
		if got == 0 {
			return text, nil
		}
		if len(text) > fileLimit { // it grows, or has no size
			return nil, tooLarge()
		}
		if text = text[:len(text)+got]; len(text) == cap(text) {
			text = append(text, 0)[:len(text)]
		}
	}
}

// retried makes a system call anew when a signal has come in between.
func retried(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); err != syscall.EINTR {
			return n, err
		}
	}
}
