package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine/enginetest/raced"
)

// spoil is one thing done wrong, and the rules that must catch it.
type spoil struct {
	name  string
	rules string
	do    func(w *wrapper)
}

// spoils has something against every rule.
var spoils = slices.Concat(spoilsEndings, spoilsStaple, spoilsHello, spoilsLate, spoilsNetwork, spoilsHandoff, spoilsTrust, spoilsServer, spoilsCarrying, []spoil{
	{"form-needed", "form-connect", func(w *wrapper) {
		if w.args[0] == "--trust" {
			os.Exit(1)
		}
	}},
	{"no-unix", "form-unix", func(w *wrapper) { w.args[len(w.args)-1] = strings.TrimPrefix(w.args[len(w.args)-1], "unix:") }},
	{"no-net-fd", "form-net-fd accept-net-fd", func(w *wrapper) { w.drop("--net-fd") }},
	{"one-net-fd", "form-net-fds", func(w *wrapper) {
		if w.option("--net-fd") == "5,6" {
			w.drop("--net-fd")
			w.add("--net-fd", "5")
		}
	}},
	{"refused-is-0", "inspect", func(w *wrapper) { w.exits(5, 0) }},
	{"facts-on-2", "form-others", func(w *wrapper) { w.files = func(files []uintptr) { files[1], files[2] = files[2], files[1] } }},
	{"name-always-wrong", "host-address", func(w *wrapper) { w.addUnless("--name", "wrong.test") }},
	{"sni-address", "host-sni", func(w *wrapper) { w.addUnless("--sni", "sent.test") }},
	{"sni-name", "host-sni", func(w *wrapper) {
		if w.option("--name") == host {
			w.addUnless("--sni", host)
		}
	}},
	{"no-sni", "host-sni host-u-label", func(w *wrapper) { w.addUnless("--sni", "none") }},

	{"prog-on-0-and-1", "prog-fds", func(w *wrapper) { w.addUnless("--prog-fds", "0,1") }},
	{"prog-hears-no-end", "prog-end", func(w *wrapper) { w.wraps("sh", "-c", `exec 8</dev/null; exec "$@"`, "sh") }},
	{"signal-over-prog", "prog-signal", func(w *wrapper) { w.exits(3, 143) }},
	{"prog-not-told", "prog-signal", func(w *wrapper) { w.wraps("sh", "-c", `trap '' TERM INT HUP; exec "$@"`, "sh") }},
	{"prog-too-early", "prog-verified-only", func(w *wrapper) {
		if at := slices.Index(w.args, "--"); at >= 0 {
			exec.Command(w.args[at+1], w.args[at+2:]...).Run()
		}
	}},
	{"env-inherited", "prog-env", func(w *wrapper) { w.wraps("env", "TLSIFY_UNVERIFIED="+os.Getenv("TLSIFY_UNVERIFIED")) }},
	{"env-missing", "prog-env", func(w *wrapper) { w.wraps("env", "-u", "TLSIFY_PEER_PIN") }},
	{"prog-status-lost", "prog-status prog-unread", func(w *wrapper) { w.exits(42, 0) }},
	{"prog-signal-status", "prog-status", func(w *wrapper) { w.exits(137, 9) }},
	{"prog-missing-status", "prog-status", func(w *wrapper) { w.exits(127, 101) }},
	{"prog-unstarted-status", "prog-status", func(w *wrapper) { w.exits(126, 127) }},
	{"failed-as-without-prog", "prog-failed", func(w *wrapper) {
		w.status = func(status int) int { return status % 100 }
	}},
	{"prog-truncated-is-0", "prog-stream-failed", func(w *wrapper) { w.exits(106, 0) }},
	{"prog-lost-is-0", "prog-stream-failed", func(w *wrapper) { w.exits(107, 0) }},
	{"leaks-to-prog", "prog-descriptors", func(w *wrapper) { w.wraps("sh", "-c", `exec "$@" 9>/dev/null`, "sh") }},
	{"closes-for-prog", "prog-descriptors", func(w *wrapper) { w.files = func(files []uintptr) { files[4] = ^uintptr(0) } }},

	{"accept-no-0", "accept-prog accept-not-clear", func(w *wrapper) {
		if w.addUnless("--net-fd", "99"); w.args[0] == "accept" {
			io.WriteString(callers(2), "tlsify: in clear\n")
		}
	}},
	{"usage-is-internal", "accept-usage wrong-descriptors status-usage twice options-fd", func(w *wrapper) { w.says("error usage ", "error internal ") }},
	{"in-clear", "accept-not-clear", func(w *wrapper) { io.WriteString(callers(2), "tlsify: in clear\n") }},
	{"listener-once", "listen", func(w *wrapper) {
		if w.args[0] == "listen" {
			w.wraps("sh", "-c", `kill -9 $PPID; exec "$@"`, "sh") // which the listener is
		}
	}},
	{"term-is-0", "listen signals", func(w *wrapper) { w.exits(143, 0) }},
	{"listener-talks", "listen-control", func(w *wrapper) {
		w.line = func(line string) []string {
			if strings.HasPrefix(line, "listening") {
				return []string{line, "ready"}
			}
			return []string{line}
		}
	}},
	{"require-is-request", "client-auth", func(w *wrapper) {
		if w.option("--client-auth") == "require" {
			w.drop("--client-auth")
			w.add("--client-auth", "request")
		}
	}},
	{"bad-client-is-served", "client-auth", func(w *wrapper) {
		if w.option("--client-auth") == "request" {
			w.exits(5, 0)
		}
	}},
	{"any-purpose", "client-auth refuse-client", func(w *wrapper) { w.says("error cert-purpose ", "error cert-untrusted ") }},
	{"asks-no-client", "client-auth", func(w *wrapper) { w.drop("--client-auth", "--client-trust") }},
	{"no-tickets", "ticket-key", func(w *wrapper) { w.drop("--ticket-key") }},
	{"one-certificate", "certificates-by-name", func(w *wrapper) { w.once("--cert", false); w.once("--key", false) }},

	{"reads-early", "fd0-not-early", func(w *wrapper) { w.in = copies }},
	{"talks-on-1", "fd1-bytes-only status-lost both-ways", func(w *wrapper) { io.WriteString(callers(1), "connected\n") }},
	{"line-mode", "fd1-bytes-only both-ways truncated-all", func(w *wrapper) {
		w.out = func(from, to *os.File) {
			all, _ := io.ReadAll(from)
			io.WriteString(to, strings.ReplaceAll(string(all), "\n", "\r\n"))
			to.Close()
		}
	}},
	{"chatty", "fd2-one-line control-on-2", func(w *wrapper) { io.WriteString(callers(2), "tlsify: hello\n") }},
	{"mute-for-people", "fd2-one-line truncated-after-ours", func(w *wrapper) { w.files = func(files []uintptr) { files[2] = callers(-1).Fd() } }},
	{"no-control-in", "control-in", func(w *wrapper) {
		w.hear = func(string) string { return "" }
		if w.option("--control-fd") == "3,4" {
			w.drop("--control-fd")
			w.add("--control-fd", "3")
		}
	}},
	{"no-options-fd", "options-fd", func(w *wrapper) { w.drop("--options-fd") }},
	{"options-fd-no-limit", "options-fd-limit", func(w *wrapper) {
		w.files = func(files []uintptr) { files[8] = callers(-1).Fd() }
	}},
	{"fd-files-no-limit", "fd-files-limit", func(w *wrapper) {
		w.files = func(files []uintptr) { files[7] = callers(-1).Fd() }
	}},
	{"no-fd-files", "fd-files fd-session", func(w *wrapper) {
		for i, arg := range w.args {
			w.args[i] = strings.Replace(arg, "fd:", "/nowhere/", 1)
		}
	}},
	{"sets-nonblock", "flags-kept", func(w *wrapper) { unix.SetNonblock(0, true) }},
	{"sets-block", "flags-kept", func(w *wrapper) { unix.SetNonblock(1, false) }},
	{"keeps-all-open", "unnamed-closed prog-leaves", func(w *wrapper) { w.keep = true }},
	{"waits-for-reader", "control-unread", func(w *wrapper) { io.WriteString(callers(3), "hello\n") }},
	{"needs-reader", "control-closed", func(w *wrapper) {
		if _, err := io.WriteString(callers(3), "tlsify 1 x\n"); err != nil {
			os.Exit(8)
		}
	}},
	{"loses-silently", "control-lost", func(w *wrapper) { w.mute("lost") }},

	{"certificate-in-clear", "client-cert", func(w *wrapper) {
		if w.has("--cert") {
			w.addUnless("--client-cert-in-clear")
		}
	}},
	{"no-certificate", "client-cert fd-files client-cert-in-clear", func(w *wrapper) {
		w.drop("--cert", "--key")
		w.dropSwitch("--client-cert-in-clear")
	}},
	{"no-alpn", "alpn", func(w *wrapper) { w.drop("--alpn") }},
	{"session-for-all", "session", func(w *wrapper) {
		if w.option("--name") == "alias.tlsify-check.test" {
			w.drop("--name")
			w.add("--name", host)
		}
	}},
	{"session-for-any-trust", "session", func(w *wrapper) { w.once("--trust", false) }},
	{"session-readable", "session-once", func(w *wrapper) {
		w.after = func() { os.Chmod(w.option("--session"), 0o644) }
	}},
	{"session-kept", "session-once", func(w *wrapper) {
		file := w.option("--session")
		if old, err := os.ReadFile(file); err == nil {
			w.after = func() { os.WriteFile(file, old, 0o600) }
		}
	}},
	{"no-session", "session session-once resumed-judged", func(w *wrapper) { w.drop("--session") }},
	{"other-binding", "binding", func(w *wrapper) { w.says("binding tls-exporter ", "binding tls-exporter AAAA") }},
	{"no-key-log", "keylog", func(w *wrapper) { w.drop("--keylog") }},
	{"key-log-replaced", "keylog", func(w *wrapper) { w.before = func() { os.Truncate(w.option("--keylog"), 0) } }},
	{"no-starttls", "starttls", func(w *wrapper) { w.drop("--starttls") }},
	{"starttls-refusal-is-network", "starttls", func(w *wrapper) { w.says("error starttls ", "error network-io ") }},
	{"any-engine", "engine-unknown", func(w *wrapper) { w.drop("--engine") }},
	{"last-wins", "twice", func(w *wrapper) { w.once("--linger", true) }},
	{"no-limits", "connect-timeout handshake-timeout idle-timeout linger", func(w *wrapper) {
		w.drop("--connect-timeout", "--handshake-timeout", "--idle-timeout", "--linger")
	}},
	{"short-limits", "handshake-30s linger-10s eof-wait-10s", func(w *wrapper) {
		w.addUnless("--handshake-timeout", "1s")
		w.addUnless("--linger", "1s")
		w.addUnless("--eof-wait", "1s")
	}},
	{"no-hold", "eof-hold", func(w *wrapper) {
		if w.option("--eof") == "hold" {
			w.drop("--eof")
			w.add("--eof", "half-close")
		}
	}},

	{"breaks-tokens", "control-lines", func(w *wrapper) { w.says("%20", " ") }},
	{"no-first-line", "control-first engine-unknown", func(w *wrapper) { w.mute("tlsify") }},
	{"no-last-line", "control-last", func(w *wrapper) { w.mute("end") }},
	{"wrong-last-line", "control-last", func(w *wrapper) {
		w.line = func(line string) []string {
			if line == "end 5" {
				line = "end 0"
			}
			return []string{line}
		}
	}},
	{"leaf-last", "control-peer", func(w *wrapper) {
		w.says("peer-certificate 0", "peer-certificate 1", "peer-certificate 1", "peer-certificate 0")
	}},
	{"no-cipher", "control-facts", func(w *wrapper) { w.mute("cipher") }},
	{"no-ready", "control-ready half-close status-0", func(w *wrapper) { w.mute("ready") }},
	{"ready-late", "control-ready", func(w *wrapper) { w.holds("ready") }},
	{"reason-late", "control-reason", func(w *wrapper) { w.holds("closed ", "truncated", "error ") }},
	{"unknown-unanswered", "control-unknown", func(w *wrapper) { w.mute("unknown") }},
	{"rekey-unanswered", "control-rekey", func(w *wrapper) { w.mute("rekeyed") }},
	{"no-close", "control-close", func(w *wrapper) {
		w.hear = func(line string) string { return strings.TrimPrefix(line, "close") }
	}},

	{"truncated-is-0", "truncated accept-truncated", func(w *wrapper) { w.exits(6, 0) }},
	{"truncated-unsaid", "truncated tolerate-truncation", func(w *wrapper) { w.mute("truncated") }},
	{"drops-the-tail", "truncated-all", func(w *wrapper) {
		w.out = func(from, to *os.File) {
			all, _ := io.ReadAll(from)
			to.Write(all[:max(0, len(all)-100)])
			to.Close()
		}
	}},
	{"intolerant", "tolerate-truncation", func(w *wrapper) { w.dropSwitch("--tolerate-truncation") }},
	{"notify-at-signal", "signals-no-notify", func(w *wrapper) {
		toChild := make(chan *os.File, 1)
		w.in = func(from, to *os.File) {
			toChild <- to
			io.Copy(to, from)
		}
		w.signal = func(os.Signal) { (<-toChild).Close() }
	}},
	{"error-is-end", "input-error", func(w *wrapper) { w.in = copies }},
	{"gone-is-0", "caller-gone", func(w *wrapper) { w.exits(8, 0) }},
	{"notify-to-gone", "caller-gone", func(w *wrapper) {
		w.in = func(from, to *os.File) {
			io.CopyN(to, from, 60_000)
			to.Close()
		}
	}},
	{"0-is-7", "status-0 key-update", func(w *wrapper) { w.exits(0, 7) }},
	{"3-is-4", "status-unreached", func(w *wrapper) { w.exits(3, 4) }},
	{"4-is-3", "status-handshake status-version", func(w *wrapper) { w.exits(4, 3) }},
	{"7-is-0", "status-lost", func(w *wrapper) { w.exits(7, 0) }},
})

// What is spoiled is caught by the rules that are about it, and there is
// something against every rule.
func TestSpoiledAreCaught(t *testing.T) {
	t.Setenv("TLSIFY_CHECK_REAL", tlsify(t))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	caught := map[string]bool{}
	for _, s := range spoils {
		for id := range strings.FieldsSeq(s.rules) {
			caught[id] = true
		}
	}
	for _, r := range rules() {
		if !caught[r.id] {
			t.Errorf("nothing here breaks the rule %s", r.id)
		}
	}
	t.Run("each", func(t *testing.T) {
		for _, s := range spoils {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				var out, complaints strings.Builder
				status := check([]string{"-patience", strconv.Itoa(3*raced.Times()) + "s", "-parallel", "4", "-only", strings.Join(strings.Fields(s.rules), ","), self, "spoil", s.name}, &out, &complaints)
				table := "\n" + out.String()
				for id := range strings.FieldsSeq(s.rules) {
					if !strings.Contains(table, "\nFAIL  "+id+" ") {
						t.Errorf("%s does not catch it", id)
					}
				}
				if status != 1 || strings.Contains(table, "tlsify-check itself") || strings.Contains(table, "skip ") || strings.Contains(table, "no such spoil") {
					t.Errorf("status %d %s%s", status, complaints.String(), table)
				}
				t.Log(table)
			})
		}
	})
	// Each run left five listeners behind.
	for end := time.Now().Add(10 * time.Second); len(running(tlsify(t))) > 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if left := running(tlsify(t)); len(left) > 0 {
		t.Errorf("processes are left: %q", left)
	}
}

// running are the processes of a program, as /proc has them.
func running(program string) (all []string) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if to, _ := os.Readlink(link); to == program {
			all = append(all, filepath.Dir(link))
		}
	}
	return all
}
