package process

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// Where those that are open are counted, they are the ones that are listed, and where
// one is not among the first few they are listed.
func TestOpenDescriptors(t *testing.T) {
	if _, ok := listedDescriptors(); !ok {
		t.Skip("there is no /proc")
	}
	same := func(counts bool) {
		t.Helper()
		listed, _ := listedDescriptors()
		slices.Sort(listed)
		if counted, ok := firstDescriptors(); ok && !slices.Equal(counted, listed) || ok && !counts {
			t.Errorf("counted %v, listed %v", counted, listed)
		}
		if open := openDescriptors(); !slices.Equal(slices.Sorted(slices.Values(open)), listed) {
			t.Errorf("%v, listed %v", open, listed)
		}
	}
	same(true)
	near, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(near)
	same(true)
	far, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 500)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(far)
	same(false)
}
