package main

import (
	"encoding/json"
	"encoding/pem"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine/enginetest"
)

// inspected runs tlsify inspect, with /dev/null for descriptor 0.
func inspected(t *testing.T, args ...string) (out, complaints string, status int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "tlsify", append([]string{"inspect"}, args...)...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Run()
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// inspection is what a monitor reads.
type inspection struct {
	Status   int
	Verified bool
	Reasons  []struct{ Word, Text string }
	Peer     *struct {
		Names []string
		Pin   string
	}
	Sent, Path            []struct{ Subject string }
	Protocol, Group, ALPN string
	SessionOffered        bool `json:"session_offered"`
	Resumed               bool
	DaysLeft              *int `json:"days_left"`
}

func inspectedJSON(t *testing.T, args ...string) inspection {
	t.Helper()
	out, complaints, status := inspected(t, append([]string{"--json"}, args...)...)
	var r inspection
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Status != status {
		t.Fatalf("%v, status %d: %s%s", err, status, out, complaints)
	}
	return r
}

// A peer that is verified, with every engine: the server sees a handshake and its
// end, and no byte more.
func TestInspect(t *testing.T) {
	for _, engine := range built() {
		t.Run(engine.Name(), func(t *testing.T) {
			s := startServer(t, "echo", "tickets")
			args := append(trusting(t), "--engine", engine.Name(), "--name", enginetest.Host, s.address)
			r := inspectedJSON(t, args...)
			if !r.Verified || r.Status != 0 || len(r.Reasons) > 0 || len(r.Sent) != 2 || len(r.Path) != 3 || r.Protocol != "TLSv1.3" ||
				r.DaysLeft == nil || !r.SessionOffered || !slices.Contains(r.Peer.Names, "dns:"+enginetest.Host) {
				t.Errorf("%+v", r)
			}
			if !s.over(1) || strings.Contains(s.notes(), "got ") || !strings.Contains(s.notes(), "end close_notify") {
				t.Errorf("the server saw %s", s.notes())
			}
		})
	}
}

// A peer that is refused is told of all the same, with every reason and connect's
// status.
func TestInspectRefused(t *testing.T) {
	s := startServer(t, "echo", "chain=expired")
	args := append(trusting(t), "--name", "other.test", s.address)
	r := inspectedJSON(t, args...)
	var words []string
	for _, reason := range r.Reasons {
		words = append(words, reason.Word)
	}
	if r.Status != 5 || r.Verified || r.Peer == nil || len(r.Sent) == 0 || len(r.Path) > 0 || r.Protocol != "TLSv1.3" ||
		!slices.Contains(words, "cert-expired") || !slices.Contains(words, "cert-name") {
		t.Errorf("%q: %+v", words, r)
	}
	out, complaints, status := inspected(t, args...)
	if status != 5 || !strings.Contains(out, "verified") || !strings.Contains(out, "cert-name: ") || strings.Count(complaints, "\n") != 1 {
		t.Errorf("status %d: %s%s", status, out, complaints)
	}
	out, _, status = inspected(t, append([]string{"--pem"}, args...)...)
	if block, rest := pem.Decode([]byte(out)); status != 5 || block == nil || block.Type != "CERTIFICATE" || strings.TrimSpace(string(rest)) == "" {
		t.Errorf("status %d: %s", status, out)
	}
}

// What a server's alert answers is said, as connect says it.
func TestInspectOffer(t *testing.T) {
	s := startServer(t, "echo", "groups=P-384")
	args := append(trusting(t), "--name", enginetest.Host, "--groups", "x25519", s.address)
	if r := inspectedJSON(t, args...); r.Status != 4 || len(r.Reasons) != 1 || !strings.Contains(r.Reasons[0].Text, "; it was offered ") {
		t.Errorf("%+v", r)
	}
	if _, complaints, _ := inspected(t, args...); !strings.Contains(complaints, "; it was offered ") {
		t.Error(complaints)
	}
}

// Nobody there, and what inspect has not.
func TestInspectUsage(t *testing.T) {
	if r := inspectedJSON(t, "localhost:1"); r.Status != 3 || r.Peer != nil || len(r.Reasons) != 1 || r.Reasons[0].Word != "connect" {
		t.Errorf("%+v", r)
	}
	for _, args := range [][]string{{"--json", "--pem", "localhost:1"}, {"localhost:1", "--", "true"}, {"--handoff", "auto", "localhost:1"}, {"--ask", "localhost:1"}} {
		if out, complaints, status := inspected(t, args...); out != "" || status != 1 && status != 101 || !strings.Contains(complaints, "(usage)") {
			t.Errorf("%q: status %d, %q, %q", args, status, out, complaints)
		}
	}
}

// A session is resumed by inspect as well, and said to be.
func TestInspectResumed(t *testing.T) {
	s := startServer(t, "echo", "tickets")
	args := append(trusting(t), "--name", enginetest.Host, "--session", t.TempDir()+"/session", s.address)
	if first, second := inspectedJSON(t, args...), inspectedJSON(t, args...); first.Resumed || !second.Resumed || !second.Verified {
		t.Errorf("%+v\n%+v", first, second)
	}
}

// -v says in three lines what has happened; without it there is nothing to read.
func TestVerboseWhenItWorked(t *testing.T) {
	s := startServer(t, "http")
	for verbose, lines := range map[string]int{"": 0, "-v": 3} {
		args := append(trusting(t), "--name", enginetest.Host, "--sandbox", "off", s.address)
		if verbose != "" {
			args = append([]string{verbose}, args...)
		}
		cmd := exec.CommandContext(t.Context(), "tlsify", args...)
		cmd.Stdin = strings.NewReader("GET / HTTP/1.0\r\n\r\n")
		var complaints strings.Builder
		cmd.Stderr = &complaints
		if err := cmd.Run(); err != nil || strings.Count(complaints.String(), "\n") != lines {
			t.Errorf("%q: %v, %s", verbose, err, complaints.String())
		}
		if lines > 0 && (!strings.Contains(complaints.String(), "issued by CN=tlsify test intermediate") ||
			!strings.Contains(complaints.String(), "verified by trust CN=tlsify test root, until ") || !strings.Contains(complaints.String(), "TLSv1.3, TLS_")) {
			t.Error(complaints.String())
		}
	}
}

// --timeout ends all of it, in every phase, with a CODE of its own.
func TestTimeout(t *testing.T) {
	t.Parallel()
	limit := "--timeout=" + (patience / 10).String() // by which it is ready
	l := newLaunch(t)
	l.give(1, openRaw(t, "/dev/null", unix.O_WRONLY))
	l.start(connectTo(t, startServer(t, "flood"), limit)...).expect(7, "ready", "error timeout not done within the limit of --timeout", "end 7")
	mute := newServer(t, "echo")
	mute.before = func(c net.Conn) bool { time.Sleep(patience); return false }
	if err := mute.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(mute.stop)
	l = newLaunch(t)
	l.start(connectTo(t, mute, "--timeout", "300ms")...).expect(3, "error timeout .*", "end 3")
	l = newLaunch(t)
	l.start(append(connectTo(t, startServer(t, "echo"), limit), "--", "sleep", strconv.Itoa(int(patience.Seconds())))...).expect(143, "ready", "error timeout .*", "end 143")
}

// PROG went on with what it had received, after a stream that had ended within --timeout,
// and got SIGTERM when that was over: its work was lost, and not a line said why.
func TestTimeoutIsTheStreams(t *testing.T) {
	t.Parallel()
	limit := "--timeout=" + (patience / 10).String() // by which it is ready
	later := "sleep " + strconv.Itoa(int(patience.Seconds()/10)+2)
	l := newLaunch(t)
	l.start(append(connectTo(t, startServer(t, "greet"), limit, "--prog-fds", "0,1"), "--", "sh", "-c", "cat >/dev/null; exec >&-; "+later+"; exit 9")...).expect(9, "ready", "closed peer", "closed local", "end 9")
	// One that does not heed SIGTERM is left behind.
	l = newLaunch(t)
	l.start(append(connectTo(t, startServer(t, "echo"), limit, "--linger=500ms"), "--", "sh", "-c", "trap '' TERM; "+later+"; exit 7")...).expect(143, "ready", "error timeout .*", "end 143")
}
