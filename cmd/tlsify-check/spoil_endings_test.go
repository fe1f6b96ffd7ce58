package main

import (
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// spoilsEndings are about how a stream ends.
var spoilsEndings = []spoil{
	{"half-closes-always", "eof-auto eof-wait", func(w *wrapper) {
		w.drop("--eof-wait")
		w.addUnless("--eof", "half-close")
	}},
	{"holds-always", "eof-auto-server", func(w *wrapper) { w.addUnless("--eof", "hold") }},
	{"waits-for-ever", "eof-wait", func(w *wrapper) { w.drop("--eof-wait") }},
	{"notify-unanswered", "answers-notify", func(w *wrapper) {
		if !w.relays() {
			return
		}
		w.line = func(line string) []string {
			if line == "closed peer" {
				w.muted.Store(true)
			}
			return []string{line}
		}
	}},
	{"server-ends-with-peer", "server-answers", func(w *wrapper) {
		// What comes before the peer's end is known is kept back until it is.
		ended := make(chan struct{})
		w.in = func(from, to *os.File) {
			defer to.Close()
			from.Read(make([]byte, 4096))
			<-ended
		}
		w.line = func(line string) []string {
			if line == "closed peer" {
				close(ended)
			}
			return []string{line}
		}
	}},
	{"stays-with-peer", "caller-left", func(w *wrapper) { w.stays() }},
	{"left-is-8", "caller-left", func(w *wrapper) { w.exits(0, 8) }},
	{"reset-is-end", "caller-reset", func(w *wrapper) {
		w.in = copies
		w.out = func(from, to *os.File) {
			io.Copy(to, from)
			io.Copy(io.Discard, from)
		}
	}},
	{"end-is-reset", "end-is-no-reset", func(w *wrapper) {
		w.in = func(from, to *os.File) { select {} }
		w.out = func(from, to *os.File) { io.Copy(to, from) }
	}},
	{"prog-behind-pipes", "prog-kinds", func(w *wrapper) { w.wraps("sh", "-c", `cat | "$@" | cat`, "sh") }},
	{"prog-is-hurried", "prog-unread", func(w *wrapper) { w.wraps("timeout", "-s", "KILL", "0.1") }},
}

// relays puts itself between tlsify and its server, a moment behind tlsify, and
// passes nothing more on to the server once it is muted.
func (w *wrapper) relays() bool {
	last := len(w.args) - 1
	server, err := net.Dial("tcp", w.args[last])
	if err != nil || strings.HasPrefix(w.args[last], "-") {
		return false
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	unix.Dup2(pair[0], 60)
	w.args = w.args[:last]
	w.add("--net-fd", "60")
	file := os.NewFile(uintptr(pair[1]), "relay")
	inner, err := net.FileConn(file)
	if err != nil {
		return false
	}
	before := w.files
	w.files = func(files []uintptr) {
		files[60] = 60
		if before != nil {
			before(files)
		}
	}
	go func() {
		io.Copy(inner, server)
		inner.(*net.UnixConn).CloseWrite()
	}()
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := inner.Read(buf)
			time.Sleep(100 * time.Millisecond)
			if w.muted.Load() || err != nil {
				server.(*net.TCPConn).CloseWrite()
				return
			}
			server.Write(buf[:n])
		}
	}()
	return true
}
