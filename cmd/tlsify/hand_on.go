package main

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"tlsify/cmd/tlsify/internal/descriptor"
	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/signing"
	"tlsify/cmd/tlsify/internal/source"
	"tlsify/cmd/tlsify/internal/status"
)

// ownOptions are those that a listener does not hand on as they are: the control
// channel is its own, and what is of keys is with the signing process.
var ownOptions = []string{"control-fd", "options-fd", "cert", "key", "ticket-key"}

// handsOn tells whether an option of a listener is its accepts' too.
func handsOn(o option.Option) bool {
	return o.IsFor(option.Accept) && !slices.Contains(ownOptions, o.Name)
}

// acceptArgs makes the arguments of an accept out of those of listen, without
// the address. What is missing comes by an options descriptor (handOn).
func (p *parser) acceptArgs() []string {
	args := []string{string(option.Accept)}
	for _, o := range option.Table {
		if !handsOn(o) {
			continue
		}
		for _, value := range p.words.Values[o.Name] {
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
	p.inv.handed = p.files.Read
	lines = slices.DeleteFunc(lines, func(line string) bool {
		name, _, _ := strings.Cut(line, " ")
		return !slices.ContainsFunc(option.Table, func(o option.Option) bool { return o.Name == name && handsOn(o) })
	})
	next := firstGiven
	free := func() int {
		for ; p.inv.handed[next] != nil || !descriptor.IsClosed(next); next++ {
		}
		next++
		return next - 1
	}
	if p.inv.keys.Process != nil {
		p.inv.signerFD = free()
	}
	for i, key := range p.words.Values["key"] {
		cert := p.words.Values["cert"][i]
		if _, ok := signing.IsSigner(key); !ok {
			n := free()
			p.inv.handed[n] = p.inv.keys.Chains[i]
			cert, key = "fd:"+strconv.Itoa(n), "signer:fd:"+strconv.Itoa(p.inv.signerFD)
		}
		lines = append(lines, "cert "+cert, "key "+key)
	}
	if name, ok := p.words.Value("ticket-key"); ok {
		if _, given := source.Descriptor(name); !given && p.inv.user != nil {
			content, err := p.files.Load("ticket-key", name)
			if err != nil {
				return err
			}
			n := free()
			p.inv.handed[n], name = content, "fd:"+strconv.Itoa(n)
		}
		lines = append(lines, "ticket-key "+name)
	}
	for _, option := range []string{"client-trust", "crl", "staple-file", "pin", "mtc-landmarks", "mtc-cosigners"} {
		for _, name := range p.words.Values[option] {
			if option == "mtc-cosigners" {
				_, name = source.CosignersFile(name)
			}
			if _, given := source.Descriptor(name); !given && !strings.Contains(name, "sha256//") {
				p.inv.reread = append(p.inv.reread, namedFile{option, name})
			}
		}
	}
	n := free()
	p.inv.handed[n] = []byte(strings.Join(lines, "\n"))
	p.inv.acceptArgs = append(append(p.inv.acceptArgs, "--options-fd="+strconv.Itoa(n), "--"), p.words.Prog...)
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
			return status.Usagef("--%s: %s, for user %v", file.option, source.PathText(err), inv.user)
		}
		opened.Close()
	}
	return nil
}

// acceptEnvironment is ours without what was said to us alone.
func acceptEnvironment() []string {
	return slices.DeleteFunc(facts.WithoutUCSPI(os.Environ()), func(entry string) bool { return strings.HasPrefix(entry, "LISTEN_") })
}
