// Package acquire gets everything that an invocation needs before it can run: the
// complete arguments (words.go), the content of files, descriptors, the process that has
// a server's keys, and other signers. At the end it asks the engine whether it can do
// what is asked for.
//
// It must not judge options, nor carry an invocation out. Start reading at [Acquire].
package acquire

import (
	"bytes"
	"io"
	"os"

	"tlsify/cmd/tlsify/internal/fingerprint"
	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/signing"
	"tlsify/cmd/tlsify/internal/source"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/engine/trustanchor"
	"tlsify/pump"
	"tlsify/stream"
	"tlsify/verify"
)

// Resources are an invocation with all that it needs.
type Resources struct {
	*invocation.Invocation
	engines invocation.Engines
	files   *source.Files

	// In and Out are the network, where it is there; else nil.
	In, Out *stream.FD

	Client *engine.ClientConfig // connect; its Verify comes with the connection
	Server *engine.ServerConfig // accept and listen; likewise
	Policy *verify.Policy       // nil: the peer is not asked for a certificate
	// ProxyTrust is what vouches for the certificate of an https proxy.
	ProxyTrust []*verify.Store
	// MerkleCAs are the Merkle Tree CAs that a client trusts.
	MerkleCAs  []trustanchor.ID
	SessionKey [32]byte // what a session of --session is bound to
	Keys       *signing.Keys
	HandedOn   HandedOn       // listen
	given      map[int][]byte // listen: what descriptors had

	// Hellos are what fingerprint is to look at, and Damaged says why there may
	// be more in the capture that could not be read.
	Hellos  []fingerprint.Captured
	Damaged error
}

// Acquire gets everything, in this order. What can be refused without starting
// anything comes before what starts something.
func Acquire(inv *invocation.Invocation, engines invocation.Engines) (*Resources, error) {
	r := &Resources{Invocation: inv, engines: engines, files: source.New()}
	r.files.OtherKeys = engines.PrivateKey
	steps := []func() error{r.descriptors, r.capture}
	if inv.Engine != nil {
		steps = []func() error{
			process.EnoughMemory, // before it is missing in the middle of something

			r.harden,      // 1. before any secret is read
			r.descriptors, // 2. all that were named are there
			r.kernel,      // 3. what is to carry the bytes is there
			r.trust,       // 4. files: whom to trust
			r.configure,   // 5. files: certificates, keys; a client has all, and its engine is asked
			r.program,     // 6. PROG is there
			r.signers,     // 7. processes: the one that has the keys; the engine is asked; commands that sign
			r.handOn,      // 8. what the accepts of a listener get
			r.unnamed,     // 9. descriptors that nobody named
		}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return r, err
		}
	}
	return r, nil
}

// harden keeps other processes of the same user's away from this one.
func (r *Resources) harden() error { return r.Sandbox.Harden(r.Say.Note) }

// descriptors takes what was claimed, and looks at 0 and 1 where the caller has
// the plaintext there.
func (r *Resources) descriptors() (err error) {
	if err := r.Claims.Take(); err != nil || r.Engine == nil {
		return err
	}
	if r.Program.Args == nil && r.Stream.Handoff == "" && r.Form != option.Listen && r.Inspect == "" {
		for _, n := range r.Network {
			if stream.SameFile(n, 0) { // its records would go to whoever reads first
				return status.Usagef("descriptor 0, which carries the plaintext, is the network, as descriptor %d is", n)
			}
		}
		for n, how := range []process.Access{process.ToRead, process.ToWrite} {
			if err := process.CheckStream(n, how); err != "" {
				return status.Usagef("descriptor %d, which carries the plaintext, %s", n, err)
			}
		}
	}
	if r.Door != 0 {
		return nil // the network comes later
	}
	for i, n := range r.Network {
		if why := process.CheckStream(n, 0); why != "" {
			return status.Usagef("descriptor %d, which is the network, %s", n, why)
		}
		fd := r.In
		if i == 0 || n != r.Network[0] {
			if fd, err = stream.NewFD(n); err != nil {
				return err
			}
		}
		if i == 0 {
			r.In, r.Out = fd, fd
		} else {
			r.Out = fd
		}
	}
	return nil
}

// kernel sees whether the kernel can carry the bytes where that is asked for: a listener
// would refuse every client, and a client the peer that it has shaken hands with.
func (r *Resources) kernel() error {
	handed := r.Stream.Handoff == invocation.HandKernel
	if r.Door != 0 || !handed && r.Stream.Pump != pump.Kernel {
		return nil
	}
	err := pump.LacksKernelTLS()
	if err != nil && handed {
		return &status.Failure{Status: status.Usage, Code: "handoff-unavailable", Text: err.Error()}
	}
	return err
}

// capture reads the ClientHello that `tlsify fingerprint` is to look at.
func (r *Resources) capture() error {
	if r.Form != option.Fingerprint || r.Listen.Target.Network != "" {
		return nil
	}
	names := []string{r.Capture}
	if r.Compare != "" {
		names = []string{r.Compare, r.Capture}
	}
	for _, name := range names {
		found, err := r.captured(name)
		if len(found) == 0 {
			return err
		}
		if r.Compare != "" {
			found = found[:1]
		}
		r.Hellos = append(r.Hellos, found...)
		r.Damaged = err
	}
	return nil
}

// captured finds what is in a capture; an empty name is descriptor 0.
func (r *Resources) captured(name string) (found []fingerprint.Captured, err error) {
	in, where := io.Reader(os.Stdin), "fingerprint"
	if name != "" {
		where += ": " + name
		content, err := r.files.Load("fingerprint", name)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(content)
	}
	if found, err = fingerprint.CaptureAll(in); err != nil {
		err = status.Usagef("%s: %v", where, err)
	}
	return found, err
}

// checkEngine asks the engine whether it can do all of it, and then opens the
// key log, which is the one file that is made.
func (r *Resources) checkEngine() error {
	if r.Client == nil {
		if err := r.engines.Server(r.Engine, r.Server); err != nil {
			return err
		}
		return r.keyLog(&r.Server.Config)
	}
	if err := r.engines.Client(r.Engine, r.Client); err != nil {
		return err
	}
	return r.keyLog(&r.Client.Config)
}

// program sees whether PROG is there. A listener starts none itself, but nobody
// should be waited for in vain.
func (r *Resources) program() error {
	if r.Form != option.Listen {
		return nil // it is looked for when it is started
	}
	_, err := process.Find(r.Program.Args[0])
	return err
}

// keyLog opens the file of --keylog.
func (r *Resources) keyLog(c *engine.Config) (err error) {
	if r.TLS.KeyLog != "" {
		c.KeyLog, err = r.files.Output("keylog", r.TLS.KeyLog)
	}
	return err
}

// unnamed closes the inherited descriptors that were not named: one may be an
// end of another child's socketpair, which would never see its end of file.
// Where there is PROG they are PROG's, or a listener's accepts'.
func (r *Resources) unnamed() error {
	if r.Program.Args == nil {
		process.CloseInherited()
	}
	return nil
}

// MayNot is what a measure means that can't be taken.
func (r *Resources) MayNot(err error) error { return r.Sandbox.Refuses(err, r.Say.Note) }
