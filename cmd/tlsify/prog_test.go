package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/signer"
)

// prog is PROG, for scripts and tests:
//
//	prog cat [IN OUT]      copy IN to OUT; 0 and 1 if nothing is said
//	prog line              send one line back
//	prog upper             read everything, and only then answer in upper case
//	prog say TEXT          answer TEXT, and read nothing
//	prog serve             answer a request by HTTP/1.0
//	prog http              answer whatever comes first so, and read on
//	prog get TEXT [IN OUT] send TEXT on OUT, end it, and print what comes on IN (6 and 7)
//	prog env PREFIX        print the variables whose names begin so
//	prog fds               print the descriptors that came through exec
//	prog exit N            end with N at once
//	prog kill N            end by signal N
//	prog hold FILE PROG... run another program, whose standard input has FILE, and does not end
//	prog sign KEY          be a signer for a key, on 0 and 1
//	prog wait              wait for a signal, and end by it; it says "waiting" first
func prog() {
	args := append(os.Args[1:], "", "")
	switch args[0] {
	case "cat":
		in, out := descriptorPair(args[1:], 0, 1)
		io.Copy(out, in)
	case "line":
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		os.Stdout.WriteString(line)
	case "upper":
		all, _ := io.ReadAll(os.Stdin)
		os.Stdout.Write(bytes.ToUpper(all))
	case "say":
		fmt.Println(args[1])
	case "serve":
		for lines := bufio.NewScanner(os.Stdin); lines.Scan() && lines.Text() != ""; {
		}
		fmt.Print("HTTP/1.0 200 OK\r\nConnection: close\r\nContent-Length: 7\r\n\r\na page\n")
	case "http":
		os.Stdin.Read(make([]byte, 1<<16))
		fmt.Print("HTTP/1.0 200 OK\r\n\r\na page\r\n")
		io.Copy(io.Discard, os.Stdin)
	case "get":
		in, out := descriptorPair(args[2:], 6, 7)
		fmt.Fprintln(out, args[1])
		out.Close()
		io.Copy(os.Stdout, in)
	case "env":
		env := os.Environ()
		slices.Sort(env)
		for _, entry := range env {
			if strings.HasPrefix(entry, args[1]) {
				fmt.Println(entry)
			}
		}
	case "fds":
		fmt.Println(inherited())
	case "exit":
		os.Exit(number(args[1], 0))
	case "kill":
		syscall.Kill(os.Getpid(), syscall.Signal(number(args[1], 0)))
		time.Sleep(patience)
	case "hold":
		content, err := os.ReadFile(args[1])
		r, w, err2 := os.Pipe()
		if err != nil || err2 != nil {
			os.Exit(99)
		}
		w.Write(content)
		cmd := exec.Command(os.Args[3], os.Args[4:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = r, os.Stdout, os.Stderr
		cmd.Run()
		w.Close()
		os.Exit(cmd.ProcessState.ExitCode())
	case "sign":
		content, err := os.ReadFile(args[1])
		if err != nil {
			os.Exit(98)
		}
		signer.Serve(struct {
			io.Reader
			io.Writer
		}{os.Stdin, os.Stdout}, signerKeys(content))
	case "wait":
		signal.Reset()
		fmt.Println("waiting")
		time.Sleep(patience)
	default:
		fmt.Fprintln(os.Stderr, "prog: unknown:", args[0])
		os.Exit(99)
	}
}

func descriptorPair(args []string, in, out int) (r, w *os.File) {
	return os.NewFile(uintptr(number(args[0], in)), "in"), os.NewFile(uintptr(number(args[1], out)), "out")
}

func number(s string, otherwise int) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	return otherwise
}

// inherited lists the descriptors that are not closed on exec: the runtime's
// own are.
func inherited() []int {
	var list []int
	for n := range 256 {
		if flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			list = append(list, n)
		}
	}
	return list
}
