package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stallLimit bounds a single read or write of the caller's: a helper that does
// not move for so long has failed.
const stallLimit = 20 * time.Second

// endGrace is how long a helper has to end by itself where it is let to.
const endGrace = time.Second

// helper is a contestant's running process, and the caller's end of the
// socketpair that it serves.
type helper struct {
	caller
	Started time.Time // just before fork
	process *os.Process
	said    *os.File // what it wrote to descriptor 2
	unwatch func() bool
}

// start runs the contestant against the target. It is killed when ctx ends.
func start(ctx context.Context, c Contestant, t Target) (*helper, error) {
	args, err := c.Args(t)
	if err != nil {
		return nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := caller{pair[0]}, os.NewFile(uintptr(pair[1]), "plaintext")
	defer theirs.Close()
	said, err := memoryFile()
	if err != nil {
		ours.close()
		return nil, err
	}
	h := &helper{caller: ours, said: said}
	ours.limit(stallLimit)
	files := []*os.File{theirs, theirs, said}
	if c.Dialed {
		network, err := dialFile(t.Addr)
		if err != nil {
			h.discard()
			return nil, err
		}
		defer network.Close()
		files = append(files, network)
	}
	h.Started = time.Now()
	h.process, err = os.StartProcess(c.Program, append([]string{c.Program}, args...), &os.ProcAttr{
		Env:   c.environ(t),
		Files: files,
		Dir:   t.dir,
		// A Ctrl-C at the terminal is for this program alone.
		Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		h.discard()
		return nil, err
	}
	h.unwatch = context.AfterFunc(ctx, func() { h.process.Kill() })
	if t.afterClient {
		h.write([]byte("\n")) // what fails here is seen by who waits for the greeting
	}
	return h, nil
}

// greet starts the contestant against a server of the kind and waits for the
// greeting.
func (r *Rig) greet(ctx context.Context, c Contestant, kind ServerKind) (h *helper, negotiated string, err error) {
	target, err := r.Target(c.serverKind(kind))
	if err != nil {
		return nil, "", err
	}
	if h, err = start(ctx, c, target); err != nil {
		return nil, "", err
	}
	if negotiated, _, err = h.greeted(); err != nil {
		return nil, "", h.fail(err)
	}
	_, negotiated = cutWire(negotiated)
	return h, negotiated, nil
}

// greetMany is greet for several connections that are then open at the same
// time. What was started is returned with an error, too.
func (r *Rig) greetMany(ctx context.Context, c Contestant, kind ServerKind, n int) (helpers []*helper, negotiated string, err error) {
	if _, err := r.Target(c.serverKind(kind)); err != nil { // starts the server
		return nil, "", err
	}
	var lock sync.Mutex
	var starts sync.WaitGroup
	turns := make(chan struct{}, runtime.NumCPU())
	for range n {
		starts.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			h, said, failure := r.greet(ctx, c, kind)
			lock.Lock()
			defer lock.Unlock()
			if failure != nil {
				err = failure
				return
			}
			helpers, negotiated = append(helpers, h), said
		})
	}
	starts.Wait()
	return helpers, negotiated, err
}

// memoryFile makes a file that has no name.
func memoryFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("stderr", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), "stderr"), nil
}

// dialFile connects and gives the socket as a blocking descriptor.
func dialFile(addr string) (*os.File, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	f, err := conn.(*net.TCPConn).File()
	if err != nil {
		return nil, err
	}
	f.Fd() // makes it a blocking one
	return f, nil
}

// processor gives the CPU time that the helper has used up to now.
func (h *helper) processor() (time.Duration, error) { return processTime(h.process.Pid) }

// peakMemory gives the largest resident set that the helper has had, in bytes.
// It is VmHWM, which begins anew at exec; the ru_maxrss of wait4 remembers the
// process that forked.
func (h *helper) peakMemory() (int64, error) {
	status := fields(fmt.Sprintf("/proc/%d/status", h.process.Pid))
	number, _, _ := strings.Cut(status["VmHWM"], " ")
	kib, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, errors.New("the helper ended before its memory could be read")
	}
	return kib << 10, nil
}

// stop ends the helper on the spot and returns the CPU time, user and system,
// of its life. How helpers end by themselves, and how long they take, is too
// different to be part of a measurement.
func (h *helper) stop() (time.Duration, error) {
	h.process.Kill()
	return h.wait()
}

// finish has the server end the connection, leaves, and waits for the helper
// to end by itself.
func (h *helper) finish() error {
	h.write([]byte(order{verb: "quit"}.String()))
	h.limit(endGrace)
	rest := make([]byte, 512)
	for {
		if n, err := h.read(rest); n <= 0 || err != nil {
			break
		}
	}
	patience := time.AfterFunc(endGrace, func() { h.process.Kill() })
	defer patience.Stop()
	unix.Shutdown(h.fd, unix.SHUT_RDWR)
	_, err := h.wait()
	return err
}

// wait reaps the helper.
func (h *helper) wait() (time.Duration, error) {
	state, err := h.process.Wait()
	h.unwatch()
	h.discard()
	if err != nil {
		return 0, err
	}
	return state.UserTime() + state.SystemTime(), nil
}

// fail ends the helper after err, to which it adds what the helper said last.
func (h *helper) fail(err error) error {
	h.process.Kill()
	h.process.Wait()
	h.unwatch()
	defer h.discard()
	return h.explain(err)
}

// explain adds to err what the helper said last.
func (h *helper) explain(err error) error {
	if err == nil {
		return nil
	}
	said := make([]byte, 4096)
	n, _ := h.said.ReadAt(said, 0)
	lines := strings.Split(strings.TrimSpace(string(said[:n])), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return fmt.Errorf("%w (%.200s)", err, last)
	}
	return err
}

func (h *helper) discard() {
	h.close()
	h.said.Close()
}
