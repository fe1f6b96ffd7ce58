package verify

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// What is read of a file has a limit, whatever kind of file it is: a source of trust is
// not to take all memory.
func TestFileLimit(t *testing.T) {
	dir := t.TempDir()
	large, most := filepath.Join(dir, "large"), filepath.Join(dir, "most")
	for path, size := range map[string]int64{large: fileLimit + 1, most: fileLimit} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
	}
	tooMuch := func(err error) bool { return err != nil && strings.Contains(err.Error(), "it has more than") }
	if _, err := readFile(large); !tooMuch(err) {
		t.Errorf("%v", err)
	}
	if _, err := openedBundle(large); !tooMuch(err) {
		t.Errorf("a bundle: %v", err)
	}
	if text, err := readFile(most); err != nil || len(text) != fileLimit {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if _, err := openedBundle(dir); err == nil || !strings.Contains(err.Error(), "it is a directory") {
		t.Errorf("a directory for a bundle: %v", err)
	}
	for size, good := range map[int]bool{100_000: true, fileLimit + 1: false} {
		fifo := filepath.Join(dir, strconv.Itoa(size))
		if err := syscall.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		writer, err := os.OpenFile(fifo, os.O_RDWR, 0) // which waits for nobody
		if err != nil {
			t.Fatal(err)
		}
		defer writer.Close()
		go func() {
			writer.Write(bytes.Repeat([]byte("x"), size)) // the reader may be gone
			writer.Close()
		}()
		if text, err := readFile(fifo); good && (err != nil || len(text) != size) || !good && !tooMuch(err) {
			t.Errorf("a FIFO with %d bytes: %d, %v", size, len(text), err)
		}
	}
}

// A file may have more in it than its size says, as those of /proc.
func TestFileOfNoSize(t *testing.T) {
	const path = "/proc/filesystems"
	want, err := os.ReadFile(path)
	if err != nil {
		t.Skip("needs /proc")
	}
	if text, err := readFile(path); err != nil || !bytes.Equal(text, want) {
		t.Errorf("%d bytes of %d, %v", len(text), len(want), err)
	}
}
