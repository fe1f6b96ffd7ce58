package acquire

import (
	"strconv"
	"strings"

	"tlsify/cmd/tlsify/internal/descriptor"
	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/signer"
)

// HandedOn is what each accept of a listener gets.
type HandedOn struct {
	Args     []string       // its arguments
	Memory   map[int][]byte // what it is to find on which descriptor
	SignerFD int            // where it finds its connection to the signing process
}

// handOn settles what each accept will find on which descriptor: the
// certificates as the signing process has read them, with its keys, so that a
// file that is replaced meanwhile does not come apart from its key; and the
// options, with what came by our own options descriptor, by one of its own.
func (r *Resources) handOn() error {
	if r.Form != option.Listen {
		return nil
	}
	h := &r.HandedOn
	h.Memory = r.files.Contents()
	next := invocation.FirstGiven
	free := func() int {
		for ; h.Memory[next] != nil || !descriptor.IsClosed(next); next++ {
		}
		next++
		return next - 1
	}
	if r.Keys.Process != nil {
		h.SignerFD = free()
	}
	lines := r.Listen.Lines
	for i, key := range r.TLS.Keys {
		cert := r.TLS.Certs[i]
		if _, ok := signer.Named(key); !ok {
			n := free()
			h.Memory[n] = r.Keys.Chains[i]
			cert, key = "fd:"+strconv.Itoa(n), "signer:fd:"+strconv.Itoa(h.SignerFD)
		}
		lines = append(lines, "cert "+cert, "key "+key)
	}
	if r.TLS.TicketKey == "" {
		r.Say.Note("there is no --ticket-key, so no client can resume a session")
	}
	if name := r.TLS.TicketKey; name != "" {
		if _, given := descriptor.Named(name); !given && r.Listen.User != nil {
			content, err := r.files.Load("ticket-key", name)
			if err != nil {
				return err
			}
			n := free()
			h.Memory[n], name = content, "fd:"+strconv.Itoa(n)
		}
		lines = append(lines, "ticket-key "+name)
	}
	n := free()
	h.Memory[n] = []byte(strings.Join(lines, "\n"))
	h.Args = append(append(r.Listen.Args, "--options-fd="+strconv.Itoa(n), "--"), r.Program.Args...)
	return nil
}
