package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// daemon is a `tlsify listen` in the background.
type daemon struct {
	address string
	process *os.Process
	cmd     *exec.Cmd
	control chan []string // every line that the control channel says, at its end
}

// startListener starts one, which is told everything but its control channel,
// and waits until it says where it listens. Log is its descriptor 2, or nil.
func startListener(log *os.File, env []string, args ...string) (*daemon, error) {
	return startListenerBy(log, env, nil, args...)
}

// startListenerBy does so by a program that becomes it.
func startListenerBy(log *os.File, env, by []string, args ...string) (*daemon, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	words := slices.Concat(by, []string{"tlsify", "listen", "--control-fd=3"}, args)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = env
	if log != nil {
		cmd.Stderr = log
	}
	cmd.ExtraFiles = []*os.File{w}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	w.Close()
	l := &daemon{process: cmd.Process, cmd: cmd, control: make(chan []string, 1)}
	address := make(chan string, 1)
	go func() {
		defer r.Close()
		defer close(address)
		var lines []string
		for s := bufio.NewScanner(r); s.Scan(); {
			lines = append(lines, s.Text())
			if at, ok := strings.CutPrefix(s.Text(), "listening "); ok {
				address <- at
			}
		}
		l.control <- lines
	}()
	if l.address = <-address; l.address == "" {
		cmd.Wait()
		return nil, fmt.Errorf("tlsify does not listen: %q", <-l.control)
	}
	return l, nil
}

// stop ends it by SIGTERM, and tells what is wrong with how it ends.
func (l *daemon) stop() error {
	l.process.Signal(syscall.SIGTERM)
	watchdog := time.AfterFunc(patience, func() { l.process.Kill() })
	defer watchdog.Stop()
	l.cmd.Wait()
	if status := l.cmd.ProcessState.ExitCode(); status != 143 {
		return fmt.Errorf("the listener ended with %d", status)
	}
	if lines := <-l.control; lines[len(lines)-1] != "end 143" {
		return fmt.Errorf("the listener's last words were %q", lines)
	}
	return nil
}
