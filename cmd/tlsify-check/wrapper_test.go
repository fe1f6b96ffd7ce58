package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// wrapper is a program that starts the real tlsify and stands between it and
// its caller, in one place or another.
type wrapper struct {
	args []string
	env  []string

	keep   bool                           // keep the caller's descriptors open ourselves
	line   func(line string) []string     // what becomes of a line of the control channel
	hear   func(line string) string       // and of one that the caller says there; empty: nothing
	in     func(from, to *os.File)        // moves descriptor 0
	out    func(from, to *os.File)        // moves descriptor 1
	before func()                         // before anything is started
	signal func(s os.Signal)              // in place of passing a signal on
	status func(status int) int           // of all
	after  func()                         // at the very end
	files  func(files []uintptr)          // the child's descriptors
	child  *os.Process                    //
	answer func(line string, to *os.File) // says something to the child, after a line of its
	muted  atomic.Bool                    // relays passes nothing more on
}

// spoiled runs tlsify with one thing spoiled, and does not return.
func spoiled(name string, args []string) {
	all := slices.Concat(spoils, otherWays)
	at := slices.IndexFunc(all, func(s spoil) bool { return s.name == name })
	if at < 0 {
		fmt.Fprintln(os.Stderr, "no such spoil:", name)
		os.Exit(99)
	}
	signal.Ignore(unix.SIGPIPE)
	w := &wrapper{args: args, env: os.Environ()}
	all[at].do(w)
	os.Exit(w.run())
}

// run starts the child, serves it, and returns what is its status for the
// caller.
func (w *wrapper) run() int {
	if w.before != nil {
		w.before()
	}
	files := make([]uintptr, 256)
	var mine []int
	for n := range files {
		files[n] = ^uintptr(0)
		if flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			files[n] = uintptr(n)
			mine = append(mine, n)
		}
	}
	var moving sync.WaitGroup
	if w.in != nil {
		r, to := filePipe()
		from := callers(0)
		files[0] = r.Fd()
		go w.in(from, to)
		defer r.Close()
	}
	if w.out != nil {
		from, wr := filePipe()
		to := callers(1)
		files[1] = wr.Fd()
		defer wr.Close()
		moving.Go(func() { w.out(from, to) })
	}
	if w.line != nil || w.hear != nil || w.answer != nil {
		w.interpose(files, &moving)
	}
	if w.files != nil {
		w.files(files)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	real := os.Getenv("TLSIFY_CHECK_REAL")
	pid, err := syscall.ForkExec(real, append([]string{"tlsify"}, w.args...), &syscall.ProcAttr{
		Env: w.env, Files: files,
		Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}, // the kit ends us by SIGKILL, which we cannot pass on
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	w.child, _ = os.FindProcess(pid)
	for _, n := range files { // what is the child's only
		if n != ^uintptr(0) && !slices.Contains(mine, int(n)) {
			unix.Close(int(n))
		}
	}
	if !w.keep {
		for _, n := range mine {
			unix.Close(n)
		}
	}
	go func() {
		for s := range signals {
			if w.signal != nil {
				w.signal(s)
			} else {
				w.child.Signal(s)
			}
		}
	}()
	var state syscall.WaitStatus
	for {
		if _, err := syscall.Wait4(pid, &state, 0, nil); err != syscall.EINTR {
			break
		}
	}
	moving.Wait()
	status := state.ExitStatus()
	if w.status != nil {
		status = w.status(status)
	}
	if w.after != nil {
		w.after()
	}
	return status
}

// interpose puts itself into the control channel.
func (w *wrapper) interpose(files []uintptr, moving *sync.WaitGroup) {
	value := w.option("--control-fd")
	first, _, _ := strings.Cut(value, ",")
	n, err := strconv.Atoi(first)
	if err != nil {
		return
	}
	outer := callers(n)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		panic(err)
	}
	inner := os.NewFile(uintptr(pair[0]), "control")
	files[n] = uintptr(pair[1])
	moving.Go(func() {
		for lines := bufio.NewScanner(inner); lines.Scan(); {
			out := []string{lines.Text()}
			if w.line != nil {
				out = w.line(lines.Text())
			}
			for _, line := range out {
				io.WriteString(outer, line+"\n")
			}
			if w.answer != nil {
				w.answer(lines.Text(), inner)
			}
		}
		outer.Close()
	})
	go func() {
		for lines := bufio.NewScanner(outer); lines.Scan(); {
			line := lines.Text()
			if w.hear != nil {
				line = w.hear(line)
			}
			if line != "" {
				io.WriteString(inner, line+"\n")
			}
		}
	}()
}

// callers duplicates one of the caller's descriptors for ourselves.
func callers(n int) *os.File {
	raw, err := unix.FcntlInt(uintptr(n), unix.F_DUPFD_CLOEXEC, 300)
	if err != nil {
		raw, _ = unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	}
	return os.NewFile(uintptr(raw), "caller")
}

func filePipe() (r, w *os.File) {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	return r, w
}

// copies is what w.in and w.out do where they spoil nothing.
func copies(from, to *os.File) {
	io.Copy(to, from)
	to.Close()
}

// option is the value of an option, or nothing.
func (w *wrapper) option(name string) string {
	for i, arg := range w.args {
		if arg == name && i+1 < len(w.args) {
			return w.args[i+1]
		}
	}
	return ""
}

func (w *wrapper) has(name string) bool { return slices.Contains(w.args, name) }

// drop takes options with their values out.
func (w *wrapper) drop(names ...string) {
	var rest []string
	for i := 0; i < len(w.args); i++ {
		if slices.Contains(names, w.args[i]) && i+1 < len(w.args) {
			i++
			continue
		}
		rest = append(rest, w.args[i])
	}
	w.args = rest
}

// dropSwitch takes an option without a value out.
func (w *wrapper) dropSwitch(name string) {
	w.args = slices.DeleteFunc(w.args, func(a string) bool { return a == name })
}

// once keeps the first of an option that repeats, or the last.
func (w *wrapper) once(name string, last bool) {
	value := w.option(name)
	if last {
		for i, arg := range w.args {
			if arg == name && i+1 < len(w.args) {
				value = w.args[i+1]
			}
		}
	}
	if value != "" {
		w.drop(name)
		w.add(name, value)
	}
}

// replaces changes arguments.
func (w *wrapper) replaces(from, to string) {
	for i, arg := range w.args {
		w.args[i] = strings.Replace(arg, from, to, 1)
	}
}

// add puts options behind the form.
func (w *wrapper) add(options ...string) {
	if len(w.args) > 0 {
		w.args = slices.Insert(slices.Clone(w.args), 1, options...)
	}
}

// addUnless adds an option that is not there.
func (w *wrapper) addUnless(name string, value ...string) {
	if !w.has(name) {
		w.add(append([]string{name}, value...)...)
	}
}

// says rewrites lines of the control channel.
func (w *wrapper) says(pairs ...string) {
	replacer := strings.NewReplacer(pairs...)
	w.line = func(line string) []string { return []string{replacer.Replace(line)} }
}

// mute drops the lines with a keyword.
func (w *wrapper) mute(keyword string) {
	w.line = func(line string) []string {
		if word, _, _ := strings.Cut(line, " "); word == keyword {
			return nil
		}
		return []string{line}
	}
}

// holds keeps lines back until the last.
func (w *wrapper) holds(prefixes ...string) {
	var held []string
	w.line = func(line string) []string {
		if strings.HasPrefix(line, "end ") {
			return append(held, line)
		}
		for _, prefix := range prefixes {
			if strings.HasPrefix(line, prefix) {
				held = append(held, line)
				return nil
			}
		}
		return []string{line}
	}
}

// exits changes one status.
func (w *wrapper) exits(from, to int) {
	w.status = func(status int) int {
		if status == from {
			return to
		}
		return status
	}
	w.line = func(line string) []string {
		if line == "end "+strconv.Itoa(from) {
			line = "end " + strconv.Itoa(to)
		}
		return []string{line}
	}
}

// isLax has it accept any peer, and call it verified.
func (w *wrapper) isLax() {
	w.drop("--trust", "--pin", "--crl", "--tlsa", "--session")
	w.addUnless("--opportunistic")
	w.line = func(line string) []string {
		if strings.HasPrefix(line, "unverified") {
			line = "verified trust anything"
		}
		return []string{line}
	}
}

// wraps puts a program before PROG.
func (w *wrapper) wraps(program ...string) {
	if at := slices.Index(w.args, "--"); at >= 0 {
		w.args = slices.Insert(slices.Clone(w.args), at+1, program...)
	}
}

// stays does not end for a minute after its tlsify has. To wait for the caller
// would not do: what a socket still has to be read ends with the stream.
func (w *wrapper) stays() { w.after = func() { time.Sleep(time.Minute) } }

// dials connects by itself, and gives tlsify the descriptor.
func (w *wrapper) dials() *net.TCPConn {
	last := len(w.args) - 1
	conn, err := net.Dial("tcp", w.args[last])
	if err != nil {
		return nil
	}
	raw, _ := conn.(*net.TCPConn).SyscallConn()
	raw.Control(func(fd uintptr) { unix.Dup2(int(fd), 60) })
	w.args = w.args[:last]
	w.add("--net-fd", "60")
	return conn.(*net.TCPConn)
}
