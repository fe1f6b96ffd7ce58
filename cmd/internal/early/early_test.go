package early

import (
	"runtime"
	"testing"
)

var atStart int // before -cpu gives the tests others

func init() { atStart = runtime.GOMAXPROCS(0) }

func TestProcessors(t *testing.T) {
	if atStart != 1 || Processors < 1 {
		t.Errorf("%d processors, of %d", atStart, Processors)
	}
}
