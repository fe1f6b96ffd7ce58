//go:build linux

package pump

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/stream/streamtest"
)

// The clock of a machine that has just started is set by an hour, as NTP does. The
// idle limit was then an hour longer, or over too early.
func TestKernelClockIsSet(t *testing.T) {
	if os.Getenv("TLSIFY_TEST_KTLS") == "" {
		t.Skip("sets the clock, and so needs a machine of its own: .ci/ktls")
	}
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		a := stage(t, streamtest.Kinds[0])
		a.plan.Idle = 60 * streamtest.Beat // in an emulated machine, with others on the same processors
		begin := time.Now()
		a.begin()
		a.writes("before")
		a.heard(t, "before")
		time.Sleep(a.plan.Idle / 2)
		a.says("and behind")
		streamtest.WantRead(t, a.out, "and behind")
		now := unix.NsecToTimeval(time.Now().Add(by).UnixNano())
		if err := unix.Settimeofday(&now); err != nil {
			t.Fatal(err)
		}
		a.over(ErrIdle, "failed: "+ErrIdle.Error())
		if took := time.Since(begin); took < a.plan.Idle*3/2 {
			t.Errorf("the clock was set by %v: over after %v, and idle for less than %v", by, took, a.plan.Idle)
		}
	}
}
