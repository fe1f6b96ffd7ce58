package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// witness is a program for scripts:
//
//	witness [-control KIND] [-early TEXT] [-answer TEXT] [-stdin open] FORM ARG...
//
// It starts tlsify with a control channel on descriptor 3, takes down in the
// file control what it says and in the file status how tlsify ended, and has
// the status 0 itself. What a signal asks of it it asks of tlsify.
//
// KIND is pipe (if nothing is said), socket, pair (two pipes) or file. TEXT is
// sent into the channel as a line, -early at once and -answer after the
// question of --ask, where yes is the right answer, late the same after 1.5
// seconds, and eof closes the channel.
func witness() {
	runtime.LockOSThread() // Pdeathsig is of the thread
	kind := flag.String("control", "pipe", "")
	early := flag.String("early", "", "")
	answer := flag.String("answer", "", "")
	stdin := flag.String("stdin", "", "")
	flag.Parse()
	if err := testify(*kind, *early, *answer, *stdin == "open", flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "witness:", err)
		os.Exit(1)
	}
}

func testify(kind, early, answer string, stdinOpen bool, args []string) error {
	ours, theirs, option, err := controlEnds(kind)
	if err != nil {
		return err
	}
	first := []string{args[0], "--control-fd=" + option}
	if args[0] == "connect" {
		first = soonEnding(first, args)
	}
	cmd := exec.Command("tlsify", append(first, args[1:]...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if stdinOpen {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		defer w.Close()
		cmd.Stdin = r
	}
	if early != "" {
		fmt.Fprintln(ours.in, early)
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	for _, f := range theirs {
		f.Close()
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go func() {
		for s := range signals {
			cmd.Process.Signal(s)
		}
	}()
	var listening sync.WaitGroup
	if ours.out != nil {
		listening.Go(func() { takeDown(ours, answer) })
	}
	watchdog := time.AfterFunc(patience, func() {
		cmd.Process.Signal(syscall.SIGQUIT) // it tells where it is
		time.Sleep(time.Second)
		cmd.Process.Kill()
	})
	cmd.Wait()
	watchdog.Stop()
	listening.Wait()
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	said := fmt.Sprintf("%d\n", status.ExitStatus())
	if status.Signaled() {
		said = "killed by " + status.Signal().String() + "\n"
	}
	return os.WriteFile("status", []byte(said), 0o644)
}

// channelEnds are the caller's ends of a control channel.
type channelEnds struct{ out, in *os.File }

// controlEnds makes a control channel, with what --control-fd is to be.
func controlEnds(kind string) (ours channelEnds, theirs []*os.File, option string, err error) {
	switch kind {
	case "file":
		f, err := os.Create("control")
		return channelEnds{}, []*os.File{f}, "3", err
	case "pipe":
		r, w, err := os.Pipe()
		return channelEnds{out: r}, []*os.File{w}, "3", err
	case "pair":
		r, w, err := os.Pipe()
		if err != nil {
			return ours, nil, "", err
		}
		inR, inW, err := os.Pipe()
		return channelEnds{out: r, in: inW}, []*os.File{w, inR}, "3,4", err
	case "socket":
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return ours, nil, "", err
		}
		end := os.NewFile(uintptr(fds[0]), "control")
		return channelEnds{out: end, in: end}, []*os.File{os.NewFile(uintptr(fds[1]), "control")}, "3", nil
	}
	return ours, nil, "", fmt.Errorf("no control channel is a %s", kind)
}

// takeDown writes what the channel says into the file control, and gives the
// answer to the question.
func takeDown(ours channelEnds, answer string) {
	file, err := os.Create("control")
	if err != nil {
		return
	}
	defer file.Close()
	lines := bufio.NewReader(ours.out)
	for {
		line, err := lines.ReadString('\n')
		io.WriteString(file, line)
		if err != nil {
			return
		}
		if pin, asked := strings.CutPrefix(line, "ask "); asked && answer != "" {
			pin, _, _ = strings.Cut(strings.TrimSpace(pin), " ")
			switch answer {
			case "late":
				time.Sleep(1500 * time.Millisecond)
				fallthrough
			case "yes":
				fmt.Fprintln(ours.in, "trust "+pin)
			case "eof":
				if ours.in == ours.out {
					unix.Shutdown(int(ours.in.Fd()), unix.SHUT_WR)
				} else {
					ours.in.Close()
				}
			default:
				fmt.Fprintln(ours.in, answer)
			}
		}
	}
}
