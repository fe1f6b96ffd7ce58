package stream

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain makes a second program of the test binary: one that writes to a
// standard output whose reader has gone.
func TestMain(m *testing.M) {
	if os.Getenv("TLSIFY_TEST_BROKEN_STDOUT") != "" {
		f, err := NewFD(1)
		if err == nil {
			_, err = f.Write([]byte("for nobody"))
		}
		if !errors.Is(err, unix.EPIPE) {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func openFD(t testing.TB, n int) *FD {
	t.Helper()
	f, err := NewFD(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Stop)
	return f
}
