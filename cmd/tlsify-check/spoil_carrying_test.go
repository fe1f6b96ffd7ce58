package main

import (
	"bufio"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// spoilsCarrying are about what is carried between the caller or PROG and a peer, and how
// long.
var spoilsCarrying = []spoil{
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
	{"urgent-lost", "urgent", func(w *wrapper) { w.in = copies }},
	{"one-way-at-a-time", "both-at-once", func(w *wrapper) {
		ended := make(chan struct{})
		w.in = func(from, to *os.File) {
			<-ended
			copies(from, to)
		}
		w.out = func(from, to *os.File) {
			defer close(ended)
			copies(from, to)
		}
	}},
	{"wants-2", "closed-0-1-2", func(w *wrapper) {
		if link, _ := os.Readlink("/proc/self/fd/2"); link == "/dev/null" { // which the runtime opens where it is closed
			os.Exit(1)
		}
	}},
	{"takes-messages", "wrong-descriptors", func(w *wrapper) { w.in = copies }},
	{"reply-lost", "half-close control-close", func(w *wrapper) {
		w.out = func(from, to *os.File) {
			io.ReadFull(from, make([]byte, len("late reply\n")))
			copies(from, to)
		}
	}},
	{"end-never-sent", "half-close", func(w *wrapper) { w.in = func(from, to *os.File) { io.Copy(to, from); select {} } }},
	{"fin-with-notify", "no-early-fin", func(w *wrapper) {
		if conn := w.dials(); conn != nil {
			w.line = func(line string) []string {
				if line == "closed local" {
					conn.CloseWrite()
				}
				return []string{line}
			}
		}
	}},
	{"stays", "peer-ends-pipes peer-ends-tls12", func(w *wrapper) { w.stays() }},
	{"never-ends-1", "peer-ends-socket", func(w *wrapper) {
		w.out = func(from, to *os.File) { io.Copy(to, from) }
	}},
	{"ends-at-once", "peer-ends-socket", func(w *wrapper) {
		var over atomic.Bool
		w.in = func(from, to *os.File) {
			buf := make([]byte, 4096)
			for n, err := from.Read(buf); err == nil && !over.Load(); n, err = from.Read(buf) {
				to.Write(buf[:n])
			}
		}
		w.out = func(from, to *os.File) {
			io.Copy(to, from)
			over.Store(true)
			unix.Shutdown(int(to.Fd()), unix.SHUT_WR)
		}
	}},
}
