package process

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// FirstSignal catches signals, but those that the caller has made us ignore, and
// gives a function that waits for the first of them.
func FirstSignal(signals ...syscall.Signal) func() syscall.Signal {
	signals = slices.DeleteFunc(signals, func(s syscall.Signal) bool { return signal.Ignored(s) })
	if wait, err := ringAt(signals); err == nil {
		return wait
	}
	heard := make(chan os.Signal, 1)
	for _, s := range signals {
		signal.Notify(heard, s)
	}
	return func() syscall.Signal { return (<-heard).(syscall.Signal) }
}
