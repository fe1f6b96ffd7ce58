package listener

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// children are the processes that a listener has started. One goroutine waits
// for all of them: to wait for each in wait4(2) takes a thread for each.
type children struct {
	mu    sync.Mutex
	ended map[int]func(syscall.WaitStatus) // by process id, what to do at its end
}

func newChildren() *children {
	c := &children{ended: map[int]func(syscall.WaitStatus){}}
	// One signal that waits is enough: it makes reap look at all that have
	// ended. To catch it also undoes a caller's ignoring it, with which the
	// kernel would not tell us of any end.
	news := make(chan os.Signal, 1)
	signal.Notify(news, syscall.SIGCHLD)
	go func() {
		for range news {
			c.reap()
		}
	}()
	return c
}

// start has a process started by again, and ended called when it has come to its end.
func (c *children) start(again func() (pid int, err error), ended func(syscall.WaitStatus)) (pid int, err error) {
	c.mu.Lock() // so that reap knows it, however short it lives
	defer c.mu.Unlock()
	pid, err = again()
	if err == nil {
		c.ended[pid] = ended
	}
	return pid, err
}

// reap collects all that have ended.
func (c *children) reap() {
	for {
		c.mu.Lock()
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		ended := c.ended[pid]
		delete(c.ended, pid)
		c.mu.Unlock()
		switch {
		case err == syscall.EINTR:
		case pid <= 0:
			return
		case ended != nil:
			ended(status)
		}
	}
}

// kill ends a child, if it has not ended: until it is reaped, its number
// cannot be another's.
func (c *children) kill(pid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended[pid] != nil {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}
