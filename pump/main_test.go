package pump

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"tlsify/stream"
	"tlsify/stream/streamtest"
)

func newFD(t testing.TB, n int) *stream.FD {
	t.Helper()
	f, err := stream.NewFD(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Stop)
	return f
}

// wantNoneLeft checks that no goroutine of a Run is left behind.
func wantNoneLeft(t testing.TB) {
	t.Helper()
	var left string
	for end := time.Now().Add(streamtest.Patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		left = ""
		for _, g := range strings.Split(streamtest.Stacks(), "\n\n") {
			if strings.Contains(g, "created by "+reflect.TypeFor[Plan]().PkgPath()+".Run") {
				left += g + "\n\n"
			}
		}
		if left == "" {
			return
		}
	}
	t.Errorf("left behind:\n%s", left)
}
