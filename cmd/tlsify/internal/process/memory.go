package process

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// MemoryFile puts content into an anonymous file, to be read from its start.
func MemoryFile(content []byte) (int, error) {
	n, err := newMemory()
	if err != nil {
		return -1, err
	}
	for len(content) > 0 {
		written, err := unix.Write(n, content)
		if err != nil {
			unix.Close(n)
			if err == unix.EFBIG {
				return -1, errors.New("the limit on the size of files (RLIMIT_FSIZE, ulimit -f) is too small for one in memory")
			}
			return -1, os.NewSyscallError("write", err)
		}
		content = content[written:]
	}
	if _, err := unix.Seek(n, 0, 0); err != nil {
		unix.Close(n)
		return -1, os.NewSyscallError("lseek", err)
	}
	return n, nil
}
