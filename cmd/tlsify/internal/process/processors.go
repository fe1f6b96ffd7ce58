package process

import (
	"runtime"
	"slices"
	"strings"
	"sync"
)

// A connection is set up by one goroutine, and short messages are carried by one.
// With one processor the runtime starts no threads to look for more to do, each
// of which has to be confined, and has memory for allocations once.

// OfOneProcessor is the environment of a process of ours that never has work for
// more: its runtime then has one from the start.
var OfOneProcessor = []string{"GOMAXPROCS=1"}

// WithOneProcessor is an environment with that in it.
func WithOneProcessor(env []string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(entry string) bool { return strings.HasPrefix(entry, "GOMAXPROCS=") })
	return append(env, OfOneProcessor...)
}

// processors is how many AllProcessors gives.
var processors int

// AllowedProcessors is how many AllProcessors gives.
func AllowedProcessors() int { return max(processors, 1) }

// OfSoManyProcessors has AllProcessors give as many to a process that began with one:
// by package early, or because it was started OfOneProcessor.
func OfSoManyProcessors(n int) { processors = n }

// AllProcessors gives them, where there is work for several.
var AllProcessors = sync.OnceFunc(func() {
	if processors > 1 {
		runtime.GOMAXPROCS(processors)
	}
})

// DeepStack gives this goroutine at once the stack that a handshake takes, which
// else is made anew, and copied, each time that it turns out to be too small.
func DeepStack() { deep(0) }

// deep has a frame that is never used, and so not even zeroed.
//
//go:noinline
func deep(at int) byte {
	if at > 0 {
		var room [24 << 10]byte
		return room[at]
	}
	return 0
}
