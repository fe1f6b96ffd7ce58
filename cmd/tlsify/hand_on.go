package main

import (
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ownOptions are those that a listener does not hand on as they are: the control
// channel is its own, and what is of keys is with the signing process.
var ownOptions = []string{"control-fd", "options-fd", "cert", "key", "ticket-key"}

// handsOn tells whether an option of a listener is its accepts' too.
func handsOn(o option) bool { return o.isFor(formAccept) && !slices.Contains(ownOptions, o.Name) }

// acceptArgs makes the arguments of an accept out of those of listen, without
// the address. What is missing comes by an options descriptor (handOn).
func (p *parser) acceptArgs() []string {
	args := []string{string(formAccept)}
	for _, o := range options {
		if !handsOn(o) {
			continue
		}
		for _, value := range p.words.values[o.Name] {
			if o.Arg == "" {
				args = append(args, "--"+o.Name)
			} else {
				args = append(args, "--"+o.Name+"="+value)
			}
		}
	}
	return args
}

// handOn settles what each accept will find on which descriptor: the
// certificates as the signing process has read them, with its keys, so that a
// file that is replaced meanwhile does not come apart from its key; and the
// options, with what came by our own options descriptor, by one of its own.
func (p *parser) handOn(lines []string) error {
	p.inv.handed = p.files.read
	lines = slices.DeleteFunc(lines, func(line string) bool {
		name, _, _ := strings.Cut(line, " ")
		return !slices.ContainsFunc(options, func(o option) bool { return o.Name == name && handsOn(o) })
	})
	next := firstGiven
	free := func() int {
		for ; p.inv.handed[next] != nil || !isClosed(next); next++ {
		}
		next++
		return next - 1
	}
	if p.inv.signing != nil {
		p.inv.signerFD = free()
	}
	for i, key := range p.words.values["key"] {
		cert := p.words.values["cert"][i]
		if _, ok := isSigner(key); !ok {
			n := free()
			p.inv.handed[n] = p.pemChains[i]
			cert, key = "fd:"+itoa(n), "signer:fd:"+itoa(p.inv.signerFD)
		}
		lines = append(lines, "cert "+cert, "key "+key)
	}
	if name, ok := p.words.value("ticket-key"); ok {
		if _, given := descriptorOf(name); !given && p.inv.user != nil {
			content, err := p.files.load("ticket-key", name)
			if err != nil {
				return err
			}
			n := free()
			p.inv.handed[n], name = content, "fd:"+itoa(n)
		}
		lines = append(lines, "ticket-key "+name)
	}
	for _, option := range []string{"client-trust", "crl", "staple-file", "pin"} {
		for _, name := range p.words.values[option] {
			if _, given := descriptorOf(name); !given && !strings.Contains(name, "sha256//") {
				p.inv.reread = append(p.inv.reread, namedFile{option, name})
			}
		}
	}
	n := free()
	p.inv.handed[n] = []byte(strings.Join(lines, "\n"))
	p.inv.acceptArgs = append(append(p.inv.acceptArgs, "--options-fd="+itoa(n), "--"), p.words.prog...)
	return nil
}

// namedFile is a file that an option names.
type namedFile struct{ option, name string }

// canRead checks that whoever the listener has become can read what its accepts
// will.
func (inv *invocation) canRead() error {
	for _, file := range inv.reread {
		opened, err := os.Open(file.name)
		if err != nil {
			return usagef("--%s: %s, for user %v", file.option, pathText(err), inv.user)
		}
		opened.Close()
	}
	return nil
}

// isClosed tells whether a descriptor is not open, here and in our children.
func isClosed(n int) bool {
	_, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
	return err == unix.EBADF
}

// acceptEnvironment is ours without what was said to us alone.
func acceptEnvironment() []string {
	return slices.DeleteFunc(withoutUCSPI(os.Environ()), func(entry string) bool { return strings.HasPrefix(entry, "LISTEN_") })
}

// memoryFile puts content into an anonymous file, to be read from its start.
func memoryFile(content []byte) (int, error) {
	n, err := newMemory()
	if err != nil {
		return -1, err
	}
	for len(content) > 0 {
		written, err := unix.Write(n, content)
		if err != nil {
			unix.Close(n)
			return -1, os.NewSyscallError("write", err)
		}
		content = content[written:]
	}
	if _, err := unix.Seek(n, 0, 0); err != nil {
		unix.Close(n)
		return -1, os.NewSyscallError("lseek", err)
	}
	return n, nil
}
