package early

import (
	"runtime"
	"testing"
)

func TestProcessors(t *testing.T) {
	if n := runtime.GOMAXPROCS(0); n != 1 || Processors < 1 {
		t.Errorf("%d processors, of %d", n, Processors)
	}
}
