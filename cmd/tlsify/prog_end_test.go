package main

import (
	"io"
	"strings"
	"syscall"
	"testing"
	"time"
)

// commits is a PROG that takes what comes for whole only where the peer said so.
const commits = `cat >upload; read -r how <&5 || how=nothing; echo "$how: $(cat upload)" >&8`

// PROG reads how the peer's stream has ended when it sees the end: the peer's own,
// a cut, or nothing where tlsify itself was killed, which looks like an end of file.
func TestProgLearnsTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		ends func(c *client, accept *child)
		want string
	}{
		"close_notify": {func(c *client, _ *child) { c.CloseWrite() }, "closed peer"},
		"fin":          {func(c *client, _ *child) { c.noter.Close() }, "truncated"},
		"killed":       {func(_ *client, accept *child) { accept.signal(syscall.SIGKILL) }, "nothing"},
		"stopped":      {func(_ *client, accept *child) { accept.signal(syscall.SIGTERM) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLaunch(t)
			ours, theirs := tcpPair(t)
			l.give(4, rawOf(t, theirs))
			theirs.Close()
			said := l.capture(8)
			args := append([]string{"accept", "--net-fd", "4", "--prog-fds", "0,1,5"}, identity(t)...)
			accept := l.start(append(args, "--", "sh", "-c", "cd "+t.TempDir()+"; "+commits)...)
			peer, err := newClient(ours, clientConfig(t))
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(peer, "all of it")
			accept.await("ready")
			time.Sleep(100 * time.Millisecond)
			c.ends(peer, accept)
			got := said.all()
			if want := c.want + ": all of it\n"; got != want && (c.want != "" || strings.Contains(got, "closed peer")) {
				t.Errorf("PROG says %q, and not %q", got, want)
			}
			peer.noter.Close()
			accept.wait()
		})
	}
}
