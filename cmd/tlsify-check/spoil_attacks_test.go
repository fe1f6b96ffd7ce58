package main

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// spoilsTrust are about who is believed.
var spoilsTrust = []spoil{
	{"lax-with-paths", "refuse-forged refuse-altered refuse-path-length refuse-no-cert-sign refuse-unknown-critical", func(w *wrapper) { w.isLax() }},
	{"weak-is-untrusted", "refuse-sha1", func(w *wrapper) { w.says("error cert-weak ", "error cert-untrusted ") }},
	{"key-unproved", "other-key", func(w *wrapper) { w.exits(4, 0) }},
	{"no-list", "crl", func(w *wrapper) { w.drop("--crl") }},
	{"refuses-silently", "alerts", func(w *wrapper) {
		if !w.relays() {
			return
		}
		w.line = func(line string) []string {
			if strings.HasPrefix(line, "error ") {
				w.muted.Store(true)
			}
			return []string{line}
		}
	}},
	{"other-store", "trust-system-damaged", func(w *wrapper) {
		w.env = slices.DeleteFunc(w.env, func(e string) bool { return strings.HasPrefix(e, "SSL_CERT_FILE=") })
	}},
	{"pins-the-chain", "trust-none-above", func(w *wrapper) { w.isLax() }},
	{"no-key-files", "pin-key-file", func(w *wrapper) { w.drop("--pin") }},
	{"any-scheme", "names-other-kinds", func(w *wrapper) { w.replaces("uri:https:", "uri:sip:") }},
	{"usage-1-is-3", "tlsa-usages", func(w *wrapper) {
		if strings.HasPrefix(w.option("--tlsa"), "1 ") {
			w.replaces("1 1 1 ", "3 1 1 ")
			w.drop("--trust")
		}
	}},
	{"usage-3-alone", "tlsa-usages", func(w *wrapper) { w.drop("--trust") }},
	{"asks-too-late", "ask-waits", func(w *wrapper) {
		// The question comes when the answer can change nothing.
		if w.has("--ask") {
			w.dropSwitch("--ask")
			w.add("--opportunistic")
			w.line = func(line string) []string {
				if strings.HasPrefix(line, "unverified ") {
					return []string{"ask sha256//x cert-self-signed"}
				}
				if strings.HasPrefix(line, "end ") {
					return []string{"error cert-self-signed x", "end 5"}
				}
				return []string{line}
			}
			w.status = func(int) int { return 5 }
		}
	}},
	{"proxy-unchecked", "proxy-https", func(w *wrapper) {
		proxy, ok := strings.CutPrefix(w.option("--proxy"), "https://")
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if !ok || err != nil {
			return
		}
		w.replaces("https://"+proxy, "http://"+l.Addr().String())
		go func() {
			inner, err := l.Accept()
			if err != nil {
				return
			}
			outer, err := tls.Dial("tcp4", proxy, &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				return
			}
			go io.Copy(outer, inner)
			io.Copy(inner, outer)
			inner.Close()
		}()
	}},
	{"staple-unsigned", "staple-forged", func(w *wrapper) {
		if w.option("--staple") == "require" {
			w.drop("--staple")
			w.add("--staple", "off")
		}
	}},
	{"resumed-unjudged", "session-tls12", func(w *wrapper) { w.drop("--pin") }},
	{"session-for-any-client", "session-kept-apart", func(w *wrapper) { w.drop("--cert", "--key") }},
	{"session-kept-behind-alert", "session-alerted", func(w *wrapper) {
		if old, err := os.ReadFile(w.option("--session")); err == nil {
			w.after = func() { os.WriteFile(w.option("--session"), old, 0o600) }
		}
	}},
	{"session-for-all-to-read", "session-private", func(w *wrapper) {
		w.before = func() { unix.Fchmod(7, 0o600) }
	}},
	{"session-over-all", "session-kept-apart", func(w *wrapper) { w.before = func() { os.Truncate(w.option("--session"), 0) } }},
}

// spoilsServer are about a server and its clients.
var spoilsServer = []spoil{
	{"one-at-a-time", "listen-silent", func(w *wrapper) { w.addUnless("--max-connections", "1") }},
	{"ends-with-its-own", "listen-goes-on", func(w *wrapper) {
		w.signal = func(s os.Signal) {
			for _, pid := range below(w.child.Pid) {
				unix.Kill(pid, unix.SIGKILL)
			}
			w.child.Signal(s)
		}
	}},
	{"no-bounds", "listen-per-address", func(w *wrapper) { w.drop("--max-per-address", "--max-connections") }},
	{"never-reloads", "listen-reload", func(w *wrapper) { w.says("reloaded yes", "reloaded no", "reloaded no", "reloaded yes") }},
	{"deaf-to-hup", "listen-reload", func(w *wrapper) {
		w.signal = func(s os.Signal) {
			if s != unix.SIGHUP {
				w.child.Signal(s)
			}
		}
	}},
	{"socket-to-prog", "listen-prog-sockets", func(w *wrapper) { w.wraps("sh", "-c", `exec "$@" 9<&0`, "sh") }},
	{"any-client", "old-client", func(w *wrapper) { w.drop("--min-security") }},
	{"asks-nobody", "client-auth-tls12 ticket-judged", func(w *wrapper) { w.drop("--client-auth", "--client-trust") }},
	{"one-ticket-key", "ticket-keys", func(w *wrapper) {
		if text, err := os.ReadFile(w.option("--ticket-key")); err == nil {
			first, _, _ := strings.Cut(string(text), "\n")
			os.WriteFile(w.option("--ticket-key"), []byte(first+"\n"), 0o600)
		}
	}},
	{"patient-with-clients", "accept-timeout", func(w *wrapper) { w.drop("--handshake-timeout") }},
	{"server-name-kept", "server-name", func(w *wrapper) { w.wraps("env", "TLSIFY_SERVER_NAME=$(x).test") }},
	{"no-ech-key", "ech-key", func(w *wrapper) { w.drop("--ech-key") }},
	{"key-of-its-own", "signer", func(w *wrapper) { w.replaces("signer:unix:", "/nowhere/") }},
	{"signer-is-alert", "signer-refuses", func(w *wrapper) { w.says("error signer ", "error tls-alert ") }},
	{"psk-unproved", "psk", func(w *wrapper) {
		w.env = append(w.env, "TLSIFY_ENGINE=pq") // which alone has it, as the next
		w.exits(5, 0)
	}},
	{"any-raw-key", "raw-public-key", func(w *wrapper) {
		w.env = append(w.env, "TLSIFY_ENGINE=pq")
		w.exits(5, 0)
	}},
	{"any-own-key", "own-certificate", func(w *wrapper) { w.says("error usage ", "error internal ") }},
	{"notify-at-signal-to-client", "accept-signals", func(w *wrapper) {
		toChild := make(chan *os.File, 1)
		w.in = func(from, to *os.File) {
			toChild <- to
			io.Copy(to, from)
		}
		w.signal = func(os.Signal) { (<-toChild).Close() }
	}},
	{"key-to-prog", "accept-prog-descriptors", func(w *wrapper) { w.wraps("sh", "-c", `exec "$@" 8</dev/null`, "sh") }},
	{"server-logs-nothing", "keylog-server", func(w *wrapper) { w.drop("--keylog") }},
}

// spoilsAttacks are about who stands between, or is the peer, and means harm.
var spoilsAttacks = []spoil{
	{"any-end-is-one", "false-end alert-late", func(w *wrapper) { w.exits(7, 0) }},
	{"cut-record-is-error", "truncated-record", func(w *wrapper) { w.says("error truncated ", "error tls-protocol ") }},
	{"no-timeout", "timeout", func(w *wrapper) { w.drop("--timeout") }},
	{"idle-is-all", "idle-moves", func(w *wrapper) {
		if limit := w.option("--idle-timeout"); limit != "" {
			w.drop("--idle-timeout")
			w.add("--timeout", limit)
		}
	}},
	{"each-byte-counts", "timeout-drip", func(w *wrapper) { w.drop("--handshake-timeout", "--connect-timeout") }},
	{"raw-words", "words-injected", func(w *wrapper) { w.says("%0A", "\n", "%1B", "\x1b") }},
	{"commands-in-plaintext", "control-is-plaintext", func(w *wrapper) {
		if w.option("--control-fd") == "1" {
			io.WriteString(callers(1), "tlsify 1 x\n")
		}
	}},
	{"hands-over-anybody", "handoff-verified", func(w *wrapper) {
		// Of its own, before anything is known.
		if w.has("--handoff") {
			pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err == nil {
				unix.Sendmsg(3, []byte("handoff socketpair\n"), unix.UnixRights(pair[0]), nil, 0)
			}
		}
	}},
	{"keeps-a-variable", "env-all-removed", func(w *wrapper) { w.wraps("env", "TLSIFY_PEER_SUBJECT="+os.Getenv("TLSIFY_PEER_SUBJECT")) }},
	{"inspect-in-text", "inspect-sends-nothing", func(w *wrapper) { w.dropSwitch("--pem") }},
	{"inspect-carries", "inspect-sends-nothing", func(w *wrapper) {
		if w.args[0] == "inspect" && !w.has("--pem") {
			w.args[0] = "connect"
			w.add("--eof", "half-close")
		}
	}},
	{"reads-it-all", "fd-files-size", func(w *wrapper) {
		// As one would who takes what is of use, and passes over the rest.
		r, to := filePipe()
		from := callers(7)
		w.files = func(files []uintptr) { files[7] = r.Fd() }
		go func() {
			io.CopyN(to, from, 4096)
			to.Close()
			io.Copy(io.Discard, from)
		}()
	}},
	{"first-certificate", "certificate-by-issuer", func(w *wrapper) { w.once("--cert", false); w.once("--key", false) }},
	{"no-name-is-any", "net-fd-name", func(w *wrapper) {
		if !w.has("--name") {
			w.isLax()
			w.add("--name", "any.test")
		}
	}},
	{"good-is-bad", "odd-records unneeded", func(w *wrapper) { w.exits(0, 7) }},
	{"nothing-yet-is-end", "nonblocking", func(w *wrapper) {
		w.in = func(from, to *os.File) {
			defer to.Close()
			buf := make([]byte, 4096)
			for {
				unix.SetNonblock(0, true)
				n, err := unix.Read(0, buf)
				if n <= 0 || err != nil {
					return
				}
				to.Write(buf[:n])
			}
		}
		w.keep = true
	}},
	{"output-unchecked", "output-full", func(w *wrapper) {
		w.out = func(from, to *os.File) {
			io.Copy(to, from)
			io.Copy(io.Discard, from)
		}
	}},
	{"options-by-words", "options-fd-values", func(w *wrapper) {
		r, to := filePipe()
		from := callers(8)
		w.files = func(files []uintptr) { files[8] = r.Fd() }
		go func() {
			for lines := bufio.NewScanner(from); lines.Scan(); {
				words := strings.Fields(lines.Text())
				io.WriteString(to, strings.Join(words[:min(2, len(words))], " ")+"\n")
			}
			to.Close()
		}()
	}},
	{"prog-of-accept-is-0", "accept-prog-failed", func(w *wrapper) { w.exits(106, 0) }},
	{"clients-are-all-alike", "accept-status", func(w *wrapper) { w.exits(4, 3) }},
	{"drops-what-is-left", "caller-left-sent", func(w *wrapper) {
		w.in = func(from, to *os.File) {
			io.CopyN(to, from, 60_000)
			to.Close()
			time.Sleep(time.Minute)
		}
	}},
	{"other-end-point", "binding-end-point", func(w *wrapper) { w.says("binding tls-server-end-point ", "binding tls-server-end-point A") }},
	{"no-other-starttls", "starttls-others", func(w *wrapper) { w.says("error starttls ", "error tls-protocol ") }},
}

// replaces changes arguments.
func (w *wrapper) replaces(from, to string) {
	for i, arg := range w.args {
		w.args[i] = strings.Replace(arg, from, to, 1)
	}
}

// below are the processes that a process has started, and theirs.
func below(pid int) (all []int) {
	lists, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for word := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				all = append(append(all, child), below(child)...)
			}
		}
	}
	return all
}
