package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/bench"
)

// progress shows how far a run is: on a terminal in one line that is written
// over, elsewhere in a line for each experiment.
type progress struct {
	out      *os.File
	terminal bool
	shown    *bench.Experiment
}

func newProgress(out *os.File) *progress {
	_, err := unix.IoctlGetTermios(int(out.Fd()), unix.TCGETS)
	return &progress{out: out, terminal: err == nil}
}

func (p *progress) round(e *bench.Experiment, round int, contestant string, left time.Duration) {
	if p.terminal {
		step := "warming up"
		if round > 0 {
			step = fmt.Sprintf("round %d", round)
		}
		fmt.Fprintf(p.out, "\r\x1b[K%s/%s: %s, %s, %d s left or less", e.Workload, e.Case, step, contestant, int(left.Seconds()))
	} else if p.shown != e {
		fmt.Fprintf(p.out, "%s/%s, %d s left or less\n", e.Workload, e.Case, int(left.Seconds()))
	}
	p.shown = e
}

// clear leaves the line free for what comes next.
func (p *progress) clear() {
	if p.terminal && p.shown != nil {
		io.WriteString(p.out, "\r\x1b[K")
	}
}
