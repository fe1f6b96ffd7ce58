package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ListenPlan is the plan of a run about servers: so many clients at a time.
func ListenPlan(s *Servers, clients []int) (Plan, error) {
	p := Plan{}
	if len(s.Contestants) == 0 {
		return p, errNoServer
	}
	p.listen(s, clients)
	return p, nil
}

// listen adds the load of so many clients at a time, each of which connects, has
// a line echoed, and leaves, again and again.
func (p *Plan) listen(s *Servers, clients []int) {
	able := those(s.Contestants, func(c Contestant) bool { return c.Name != stunnelProxy })
	for _, n := range clients {
		p.Experiments = append(p.Experiments, Experiment{
			Workload: "listen", Case: strconv.Itoa(n), Base: listener, Metrics: slices.Concat([]Metric{
				{Name: "rate", Unit: "1/s", MoreIsBetter: true},
				{Name: "cpu", Unit: "ms"},     // of the server and its programs, for one connection
				{Name: "machine", Unit: "ms"}, // of all processors, for one connection
			}, quantileMetrics("ms", true)),
			Title:       fmt.Sprintf("Connections that a server takes in a second, by %d at a time", n),
			Contestants: able, Repeat: repeatListen,
			Trial: func(ctx context.Context, c Contestant) (Outcome, error) {
				return s.load(ctx, c.Name, n, min(max(50, 20*n), 320))
			},
		})
	}
}

// Keep runs a program, and waits for all that it leaves behind when it does not
// do so itself: what they have used is then counted as this process's children's.
// The process group, of which this process has to be the first, ends when standard
// input does, and so with whoever started it, however that ends.
func Keep(command []string) error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	nothing, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	program, err := os.StartProcess(path, command, &os.ProcAttr{Files: []*os.File{nothing, os.Stdout, os.Stderr}})
	if err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		signal.Ignore(syscall.SIGTERM) // which is for the others
		endGroup(os.Getpid())
	}()
	for {
		pid, err := unix.Wait4(-1, nil, 0, nil)
		if err != nil && err != unix.EINTR {
			return os.NewSyscallError("wait4", err)
		}
		if pid == program.Pid {
			return nil
		}
	}
}

// serving is a host that runs, kept by a process of ours.
type serving struct {
	host
	address string
	process *os.Process
	said    *os.File
	wait    func() error
}

// start starts a host, which listens when that returns.
func (s *Servers) start(ctx context.Context, name string) (*serving, error) {
	h, at := s.hosts[name], s.hosting
	// Ports below those that connections get by themselves.
	at.port = freePort(func() int { return 10000 + rand.IntN(20000) })
	args, err := h.args(at)
	if err != nil {
		return nil, err
	}
	said, err := memoryFile()
	if err != nil {
		return nil, err
	}
	command := exec.Command(s.self, append([]string{"keep", h.Program}, args...)...)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + at.dir}
	if h.env != nil {
		command.Env = append(command.Env, h.env(at)...)
	}
	command.Dir, command.Stdout, command.Stderr = at.dir, said, said
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	_, err = command.StdinPipe() // which ends with us
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		said.Close()
		return nil, err
	}
	running := &serving{host: h, address: "127.0.0.1:" + at.port, process: command.Process, said: said, wait: command.Wait}
	if err := awaitListener(ctx, running.address); err != nil {
		defer running.stop()
		return nil, running.explain(err)
	}
	return running, nil
}

// stop ends the host and its group.
func (s *serving) stop() {
	endGroup(s.process.Pid)
	s.wait()
	s.said.Close()
}

// endGroup ends all processes of a group.
func endGroup(group int) {
	syscall.Kill(-group, syscall.SIGTERM) // tlsify's children end with it
	syscall.Kill(-group, syscall.SIGKILL)
}

// explain adds to err what the host said last.
func (s *serving) explain(err error) error { return (&helper{said: s.said}).explain(err) }

// load starts a server, makes so many connections, clients at a time, and ends
// it.
func (s *Servers) load(ctx context.Context, name string, clients, connections int) (Outcome, error) {
	server, err := s.start(ctx, name)
	if err != nil {
		return Outcome{}, err
	}
	defer server.stop()
	before, err := treeOf(server.process.Pid, false, "")
	if err != nil {
		return Outcome{}, err
	}
	times := make([]float64, connections)
	began, busy := time.Now(), busyTicks()
	err = inParallel(clients, connections, func(i int) error {
		start := time.Now()
		err := s.visit(ctx, server.address)
		times[i] = milliseconds(time.Since(start))
		return err
	})
	took := time.Since(began)
	if err != nil {
		return Outcome{}, server.explain(err)
	}
	time.Sleep(serverRest)
	busy = busyTicks() - busy
	after, err := treeOf(server.process.Pid, false, "")
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{Values: quantilesOf(times, map[string]float64{
		"rate":    float64(connections) / took.Seconds(),
		"cpu":     milliseconds(after.cpu-before.cpu) / float64(connections),
		"machine": float64(busy) / clockTicks * 1e3 / float64(connections),
	})}, nil
}

// serverRest is how long a server has for the ends of the last connections before
// its processor time is read.
const serverRest = 100 * time.Millisecond

// visit is a connection, a handshake, and a line that comes back.
func (s *Servers) visit(ctx context.Context, address string) error {
	conn, err := s.dial(ctx, address)
	if err == nil {
		conn.Close()
	}
	return err
}

// dial makes a connection, over which a line has come back.
func (s *Servers) dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := (&tls.Dialer{Config: s.client}).DialContext(ctx, "tcp4", address)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(stallLimit))
	line := []byte("a line that is to come back, as it was sent\n")
	if _, err = conn.Write(line); err == nil {
		_, err = io.ReadFull(conn, line)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("the line did not come back: %w", err)
	}
	return conn, nil
}

// freePort gives a port at which nobody listens: whoever answers there later is the
// one that was started. After many tries it gives any.
func freePort(try func() int) (port string) {
	for range 100 {
		port = strconv.Itoa(try())
		if l, err := net.Listen("tcp4", "127.0.0.1:"+port); err == nil {
			l.Close()
			break
		}
	}
	return port
}

func awaitListener(ctx context.Context, address string) error {
	for range 500 {
		if conn, err := net.Dial("tcp4", address); err == nil {
			conn.Close()
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return errors.New("it does not listen")
}
