package sessions

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func memory(t *testing.T) int {
	t.Helper()
	fd, err := unix.MemfdCreate("session", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// A file that the caller has opened is one as by its path: with a name, with none any
// more, and in memory. Its offset is the caller's own.
func TestOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, kind := range []string{"named", "unnamed", "memory"} {
		t.Run(kind, func(t *testing.T) {
			fd := int(file.Fd())
			switch kind {
			case "unnamed":
				os.Remove(path)
			case "memory":
				fd = memory(t)
			}
			f := Opened(fd)
			if _, err := Take(f, key("a")); err == nil || !strings.HasSuffix(err.Error(), " is empty") {
				t.Errorf("an empty file: %v", err)
			}
			long := session("one")
			long.Certificates = append(long.Certificates, make([]byte, 5000))
			for _, put := range []*Session{long, session("two")} { // the second is shorter
				if err := Put(f, key("a"), put); err != nil {
					t.Fatal(err)
				}
			}
			if at, err := unix.Seek(fd, 0, io.SeekCurrent); at != 0 || err != nil {
				t.Errorf("the offset is %d, %v", at, err)
			}
			if _, err := Take(f, key("b")); err != errOtherKey {
				t.Errorf("for another kind of connection: %v", err)
			}
			if s, err := Take(f, key("a")); err != nil || string(s.Tickets[0]) != "two" {
				t.Errorf("got %v, %v", s, err)
			}
			if s, err := Take(f, key("a")); err == nil {
				t.Errorf("a second time: %v", s)
			}
		})
	}
}

// What others may read or write is no session, whoever has opened it; nor is what
// cannot be written anew, and could be used twice.
func TestOpenedRefused(t *testing.T) {
	dir := t.TempDir()
	open := func(name string, how int, mode os.FileMode) int {
		path := filepath.Join(dir, name)
		if err := Put(At(path), key("a"), session("one")); err != nil {
			t.Fatal(err)
		}
		os.Chmod(path, mode)
		file, err := os.OpenFile(path, how, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		return int(file.Fd())
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for want, fd := range map[string]int{
		"by others":           open("shared", os.O_RDWR, 0o644),
		"lock fd:":            open("readonly", os.O_RDONLY, 0o600),
		"lock fd:1048576: ba": 1 << 20,
	} {
		if _, err := Take(Opened(fd), key("a")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	for _, fd := range []int{int(r.Fd()), int(w.Fd())} {
		if _, err := Take(Opened(fd), key("a")); err == nil {
			t.Error("a pipe holds a session")
		}
	}
}

// A ticket is a secret: where it would not be taken from, it is not put either, and the
// file stays as it is. A shell's `7<>FILE` makes one that all may read.
func TestOpenedKeepsNoSecretForOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	file.WriteString("before")
	file.Chmod(0o644)
	if err := Put(Opened(int(file.Fd())), key("a"), session("one")); err == nil || !strings.Contains(err.Error(), "by others") {
		t.Errorf("put: %v", err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "before" {
		t.Errorf("the file has %q, %v", content, err)
	}
}

// The lock is another process's as well where that has the same open file.
func TestOpenedIsLocked(t *testing.T) {
	fd := memory(t)
	f := Opened(fd)
	if err := Put(f, key("a"), session("one")); err != nil {
		t.Fatal(err)
	}
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	holder := exec.Command(os.Args[0], "-test.run=^TestLockHolder$")
	holder.Env = append(os.Environ(), "TLSIFY_HOLD_LOCK=3")
	holder.ExtraFiles = []*os.File{os.NewFile(uintptr(dup), "session")}
	in, _ := holder.StdinPipe()
	out, _ := holder.StdoutPipe()
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if locked := make([]byte, 1); true {
		if _, err := io.ReadFull(out, locked); err != nil || !bytes.Equal(locked, []byte("l")) {
			t.Fatalf("%q, %v", locked, err)
		}
	}
	if _, err := Take(f, key("a")); err == nil || !strings.Contains(err.Error(), "lock fd:") {
		t.Errorf("locked: %v", err)
	}
	in.Close()
	io.Copy(io.Discard, out)
	holder.Wait()
	if _, err := Take(f, key("a")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestLockHolder is that other process.
func TestLockHolder(t *testing.T) {
	if os.Getenv("TLSIFY_HOLD_LOCK") == "" {
		return
	}
	_, unlock, err := Opened(3).lock()
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	os.Stdout.WriteString("l")
	io.Copy(io.Discard, os.Stdin)
}

// A session put over /dev/null, by root, once took every program's /dev/null away: unlike
// a FIFO or a directory a device can be read, and is empty.
func TestDeviceIsNotReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "null")
	if err := unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))); err != nil {
		t.Skip("needs root, to make a device: ", err)
	}
	if err := Put(At(path), key("a"), session("one")); err == nil {
		t.Error("it was replaced")
	}
	if st, err := os.Lstat(path); err != nil || st.Mode()&os.ModeCharDevice == 0 {
		t.Errorf("it is now %v, %v", st, err)
	}
}
