package stream

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/stream/streamtest"
)

// To wait takes one descriptor for each direction, however often it is waited, and
// gives it back.
func TestWaitingTakesOneDescriptor(t *testing.T) {
	from, to := streamtest.Kinds[2].Flow(t)
	streamtest.Fill(t, from)
	_, quiet := streamtest.Kinds[2].Flow(t)
	r, w, idle := openFD(t, to), openFD(t, from), openFD(t, quiet)
	before := descriptors(t)
	for range 10 {
		for _, f := range []*FD{idle, w} {
			f.SetDeadline(time.Now().Add(time.Millisecond))
		}
		if _, err := idle.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		if _, err := w.Write([]byte{1}); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	}
	if n := descriptors(t) - before; n > 2 {
		t.Errorf("two that wait have taken %d descriptors", n)
	}
	for _, f := range []*FD{r, w, idle} {
		f.Close()
	}
	if n := before - descriptors(t); n != 3 {
		t.Errorf("to close three has given %d descriptors back", n)
	}
}

// Where there is none left, to wait is an error, and no wait that nothing can end; what
// is there is taken all the same.
func TestWaitingWithoutADescriptor(t *testing.T) {
	from, to := streamtest.Kinds[2].Flow(t)
	r := openFD(t, to)
	unix.Write(from, []byte("x"))
	time.Sleep(time.Millisecond) // the runtime opens descriptors of its own with the first timer
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	none := was
	none.Cur = 2 // those numbers are taken; poll(2) itself asks for as many as it is given
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &was)
	r.SetReadDeadline(past)
	if n, err := r.Read(make([]byte, 2)); n != 1 || err != nil {
		t.Errorf("what is there: %d, %v", n, err)
	}
	if _, err := r.Read(make([]byte, 2)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("with a limit that has passed: %v", err)
	}
	r.SetReadDeadline(time.Time{})
	waited := streamtest.Started(func() error { _, err := r.Read(make([]byte, 2)); return err })
	if err := streamtest.Soon(t, "Read", waited); !errors.Is(err, unix.EMFILE) {
		t.Errorf("to wait: %v", err)
	}
}

// descriptors is how many this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
