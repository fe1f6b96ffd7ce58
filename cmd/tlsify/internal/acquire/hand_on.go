package acquire

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/source"
	"tlsify/cmd/tlsify/internal/status"
)

// HandedOn is what each accept of a listener gets.
type HandedOn struct {
	Args     []string       // its arguments
	Memory   map[int][]byte // what it is to find on which descriptor
	SignerFD int            // where it finds its connection to the signing process
	numbers  []int          // the descriptors that were chosen for it
}

// handOn settles what each accept will find on which descriptor: the
// certificates as the signing process has read them, with its keys, so that a
// file that is replaced meanwhile does not come apart from its key, nor a staple
// from its certificate; and the options, with what came by our own options
// descriptor, by one of its own.
func (r *Resources) handOn() error {
	if r.Form != option.Listen {
		return nil
	}
	h := &r.HandedOn
	r.given = maps.Clone(r.files.Contents())
	h.Memory = maps.Clone(r.given)
	next, again := invocation.FirstGiven, h.numbers
	free := func() int {
		if len(again) > 0 {
			n := again[0]
			again = again[1:]
			return n
		}
		for h.Memory[next] != nil || !process.IsClosed(next) {
			next++
		}
		n := next
		next++
		h.numbers = append(h.numbers, n)
		return n
	}
	// What is replaced while we run comes to the accepts as we have read it.
	load := func(option, name string) (string, error) {
		if _, given := process.Named(name); given {
			return name, nil
		}
		content, err := r.files.Load(option, name)
		n := free()
		h.Memory[n] = content
		return "fd:" + strconv.Itoa(n), err
	}
	if r.Keys.Process != nil {
		h.SignerFD = free()
	}
	lines := slices.Clone(r.Listen.Lines)
	for i, key := range r.TLS.Keys {
		cert := r.TLS.Certs[i]
		if r.TLS.IsOwnKey(key) {
			n := free()
			h.Memory[n] = r.Keys.Chains[i]
			cert, key = "fd:"+strconv.Itoa(n), "signer:fd:"+strconv.Itoa(h.SignerFD)
		}
		lines = append(lines, "cert "+cert, "key "+key)
		if len(r.TLS.StapleFiles) > 0 {
			n := free()
			h.Memory[n] = r.Server.Identities[i].Staple
			lines = append(lines, "staple-file fd:"+strconv.Itoa(n))
		}
	}
	if r.TLS.TicketKey == "" && r.TLS.PSK == "" {
		r.Say.Note("there is no --ticket-key, so no client can resume a session")
	}
	for _, file := range r.sharedFiles() {
		name, err := load(file.Option, file.Name)
		if err != nil {
			return err
		}
		lines = append(lines, file.Option+" "+name)
	}
	n := free()
	h.Memory[n] = []byte(strings.Join(lines, "\n"))
	h.Args = slices.Concat(r.Listen.Args, []string{"--options-fd=" + strconv.Itoa(n), "--"}, r.Program.Args)
	return h.fits()
}

// fits tries what each accept does with what it is handed, because one that cannot do it
// ends before it can say why.
func (h *HandedOn) fits() error {
	for _, content := range h.Memory {
		memory, err := process.MemoryFile(content)
		if err != nil {
			return status.Usagef("the connections' processes cannot have what they are to read in files in memory: %v", err)
		}
		unix.Close(memory)
	}
	return nil
}

// SignsItself tells whether all of a server's keys are with a signing process of
// ours.
func (r *Resources) SignsItself() bool {
	return !slices.ContainsFunc(r.TLS.Keys, func(key string) bool { return !r.TLS.IsOwnKey(key) })
}

// sharedFiles are those with secrets that a listener shares with its accepts, and its
// lists of revoked certificates.
func (r *Resources) sharedFiles() (files []invocation.NamedFile) {
	for _, f := range []invocation.NamedFile{
		{Option: "ticket-key", Name: r.TLS.TicketKey}, {Option: "ech-key", Name: r.TLS.ECHKey}, {Option: "psk", Name: r.TLS.PSK},
	} {
		if f.Name != "" {
			files = append(files, f)
		}
	}
	if r.Trust != nil {
		for _, crl := range r.Trust.CRLs {
			files = append(files, invocation.NamedFile{Option: "crl", Name: crl})
		}
	}
	return files
}

// Again reads a listener's certificates, keys, staples, lists of revoked certificates,
// pre-shared keys and those for tickets and ECH once more, as whoever we are now,
// and has another signing process for them. Nothing of r is changed.
func (r *Resources) Again() (*Resources, error) {
	for i, key := range r.TLS.Keys {
		for option, name := range map[string]string{"cert": r.TLS.Certs[i], "key": key} {
			if _, given := process.Named(name); given {
				return nil, status.Usagef("--%s %s cannot be read again", option, name)
			}
		}
	}
	inv := *r.Invocation
	if os.Geteuid() != 0 {
		inv.Listen.User = nil // whom we have become
	}
	again := &Resources{Invocation: &inv, engines: r.engines, files: source.Again(r.given)}
	again.HandedOn.numbers = r.HandedOn.numbers
	for _, step := range []func() error{again.trust, again.configure, again.signers, again.handOn} {
		if err := step(); err != nil {
			again.Keys.Finish()
			return nil, err
		}
	}
	return again, nil
}

// Unreadable are the files that Again would not be able to read, each with why.
func (r *Resources) Unreadable() (why []string) {
	check := func(option, name string) {
		if _, given := process.Named(name); given || name == "" {
			return
		}
		if file, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0); err != nil {
			why = append(why, "--"+option+": "+status.PathText(err))
		} else {
			file.Close()
		}
	}
	for i, key := range r.TLS.Keys {
		if r.TLS.IsOwnKey(key) {
			check("key", key)
		}
		check("cert", r.TLS.Certs[i])
	}
	for _, staple := range r.TLS.StapleFiles {
		check("staple-file", staple)
	}
	for _, file := range r.sharedFiles() {
		check(file.Option, file.Name)
	}
	return why
}
