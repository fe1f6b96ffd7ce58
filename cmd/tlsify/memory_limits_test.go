package main

import (
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"tlsify/engine/enginetest/raced"
)

// Under a limit on memory, as softlimit sets it, tlsify works or says in one line
// why it cannot, before it speaks to anyone; where the limit is so low that the
// language's runtime does not get that far, it ends with the runtime's status.
func TestMemoryLimits(t *testing.T) {
	if raced.Times() > 1 {
		t.Skip("the race detector takes more memory than is given here")
	}
	prlimit, err := exec.LookPath("prlimit")
	if err != nil {
		t.Skip("needs prlimit")
	}
	for _, c := range []struct {
		limit string
		works bool
	}{
		{"--as=900000000", true}, {"--as=1100000000", true}, {"--as=1450000000", true}, {"--data=100000000", true},
		{"--as=890000000", false}, {"--as=1400000000", false}, {"--data=95000000", false},
		{"--as=1200000000", false}, {"--as=300000000", false}, {"--data=50000000", false},
	} {
		if !c.works && strconv.IntSize == 32 {
			continue // 60 MB do
		}
		if c.works {
			t.Run(c.limit[2:]+"/listen", func(t *testing.T) {
				t.Parallel()
				l, err := startListenerBy(nil, os.Environ(), []string{prlimit, c.limit}, append(identity(t), "127.0.0.1:0", "--", "cat")...)
				if err != nil {
					t.Fatal(err)
				}
				client, err := dialClient(l.address, clientConfig(t))
				if err != nil {
					t.Fatal(err)
				}
				if got, how := client.talk("hello"); got != "hello" || how != "close_notify" {
					t.Errorf("got %q, end %s", got, how)
				}
				client.noter.Close()
				if err := l.stop(); err != nil {
					t.Error(err)
				}
			})
		}
		for _, e := range built() {
			t.Run(c.limit[2:]+"/"+e.Name(), func(t *testing.T) {
				t.Parallel()
				s, l := startServer(t, "echo"), newLaunch(t)
				l.program, l.prefix = prlimit, []string{c.limit, "tlsify"}
				l.quietly()
				caller := newStarter(l, "socket")
				tlsify := l.start(connectTo(t, s, "--engine", e.Name(), "--eof", "half-close")...)
				sent := strings.Repeat("x", 1<<20)
				go func() {
					io.WriteString(caller, sent)
					caller.end()
				}()
				got := caller.out.all()
				status, errs := tlsify.wait(), l.err.all()
				switch {
				case c.works && (status != 0 || got != sent):
					t.Errorf("status %d, %d bytes: %s", status, len(got), errs)
				case !c.works && (status == 0 || len(got) > 0):
					t.Errorf("it works, with %d bytes: give the limit another bound", len(got))
				case !c.works && status == 1 && (strings.Count(errs, "\n") != 1 || !strings.HasSuffix(errs, " (usage)\n")):
					t.Errorf("it says %q", errs)
				case !c.works && status != 1 && !strings.Contains(errs, "memory") && status < 1000:
					t.Errorf("status %d: %s", status, errs)
				}
				t.Log(status, strings.SplitN(errs, "\n", 2)[0])
			})
		}
	}
}

// A limit on the size of files holds for those in memory, too, by which a listener hands
// on what it has read. It says so, and takes no connection that it could not serve.
func TestFileSizeLimit(t *testing.T) {
	prlimit, err := exec.LookPath("prlimit")
	if err != nil {
		t.Skip("needs prlimit")
	}
	l := newLaunch(t)
	l.program, l.prefix = prlimit, []string{"--fsize=0", "tlsify"}
	tlsify := l.start(append(append([]string{"listen"}, identity(t)...), "127.0.0.1:0", "--", "cat")...)
	tlsify.expect(1, "error usage .*RLIMIT_FSIZE.*")
}

// A limit on pending signals keeps the runtime from having every thread make a system
// call: it would wait for ever. What takes that is left out or refused.
func TestPendingSignalsLimit(t *testing.T) {
	prlimit, err := exec.LookPath("prlimit")
	if err != nil {
		t.Skip("needs prlimit")
	}
	limited := func(args ...string) *child {
		l := newLaunch(t)
		l.program, l.prefix = prlimit, []string{"--sigpending=0", "tlsify"}
		newStarter(l, "socket").end()
		return l.start(args...)
	}
	limited(connectTo(t, startServer(t, "late"))...).expect(0, "ready", "closed peer")
	if os.Geteuid() == 0 {
		args := append([]string{"listen", "--user", nobody}, identity(t)...)
		limited(append(args, "127.0.0.1:0", "--", "cat")...).expect(1, "error usage cannot become user .*RLIMIT_SIGPENDING.*")
	}
}
