package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Contestant is a helper: a program that is started for one connection, with
// the plaintext on its descriptors 0 and 1.
type Contestant struct {
	Name string
	// Program is a path, or a name to be found in PATH.
	Program string
	// Options says, for people, with which options it runs and why those.
	Options string
	// Version are the arguments that make it tell its version; nil: it is
	// this program's own.
	Version []string
	// Args gives its arguments, writing what files it needs. Env adds to its
	// environment, which else is empty but for PATH and HOME.
	Args func(Target) ([]string, error)
	Env  func(Target) []string
	// Only is the one kind of server that it has; nil: that of the others.
	Only *ServerKind
	// Peer tells that it is other people's, and Variant that it is a
	// contestant with something else chosen: by this option.
	Peer    bool
	Variant string
	// Direct tells that it is no helper but does the caller's part itself:
	// it is given the order, and answers when it is carried out.
	Direct bool
	// Dialed tells that it finds the network, connected, on descriptor 3.
	Dialed bool
	// Share is the part of an order, by its verb (and the size of an echo, as in
	// "echo/1400"), that it is given to do where all of it would take too long:
	// 1/Share.
	Share map[string]int64
	// Groups are those that it can be told to offer; others offer what they
	// do, and may be asked to try again by the server.
	Groups []string
	// Stores tells that it can be given a whole system's roots, and revocation
	// lists; Resumes that it can keep a session.
	Stores, Resumes bool
	// Keys are the kinds of chains that it can verify; nil: KeyP256 and KeyRSA.
	Keys []KeyKind
}

// Entry is what a report says of a contestant.
type Entry struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Command string `json:"command,omitempty"`
	Config  string `json:"config,omitempty"` // what stands in the file that Command names
	Options string `json:"options,omitempty"`
	Missing string `json:"missing,omitempty"` // why it does not take part
	// Peer tells that it is other people's, and does what the others do.
	Peer bool `json:"peer,omitempty"`
}

// Muster finds out which contestants can take part: those that are installed
// and bring the greeting of their server. The order is kept.
func (r *Rig) Muster(ctx context.Context, all []Contestant) (present []Contestant, entries []Entry, err error) {
	for _, c := range all {
		entry := Entry{Name: c.Name, Options: c.Options, Peer: c.comparable()}
		path, err := exec.LookPath(c.Program)
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err != nil {
			entry.Missing = fmt.Sprintf("%s is not installed", c.Program)
			entries = append(entries, entry)
			continue
		}
		c.Program = path
		entry.Version = c.version(ctx)
		target, err := r.Target(c.serverKind(ServerKind{Key: KeyP256}))
		if err != nil {
			return nil, nil, err
		}
		entry.Command, entry.Config = c.Command(target)
		if err := r.tryOut(ctx, c); err != nil {
			entry.Missing = err.Error()
		} else {
			present = append(present, c)
		}
		entries = append(entries, entry)
	}
	return present, entries, context.Cause(ctx)
}

// tryOut makes one connection.
func (r *Rig) tryOut(ctx context.Context, c Contestant) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	h, _, err := r.greet(ctx, c, ServerKind{Key: KeyP256})
	if err != nil {
		return err
	}
	_, err = h.stop()
	return err
}

// version gives what the program says of itself: the first line with a digit,
// since some begin with a banner.
func (c Contestant) version(ctx context.Context) string {
	if c.Version == nil {
		return "part of this program"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	said, _ := exec.CommandContext(ctx, c.Program, c.Version...).CombinedOutput()
	for line := range strings.Lines(string(said)) {
		if line = strings.TrimSpace(line); strings.ContainsAny(line, "0123456789") {
			return line
		}
	}
	return "unknown"
}

// environ gives the environment that it runs in: nothing of ours that could
// change what it trusts or does.
func (c Contestant) environ(t Target) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.dir}
	if c.Env != nil {
		env = append(env, c.Env(t)...)
	}
	return env
}

// serverKind gives the server that the contestant has where others have one of
// this kind.
func (c Contestant) serverKind(kind ServerKind) ServerKind {
	if c.Only == nil {
		return kind
	}
	only := *c.Only
	only.Link = kind.Link
	return only
}

// facing gives the contestant as one of its own that has this server, of which
// the name tells.
func (c Contestant) facing(kind ServerKind, name string) Contestant {
	c.Name += ", " + name
	c.Only = &kind
	return c
}

// comparable tells that it is other people's and verifies and speaks what the
// others do.
func (c Contestant) comparable() bool { return c.Peer && c.Only == nil }

// pumped tells that it is ours with another way to move bytes, which is nothing
// to a connection that carries few.
func (c Contestant) pumped() bool { return c.Variant == "--pump" }

// part gives how much of count it is to do of an order.
func (c Contestant) part(verb string, count int64) int64 {
	return count / max(c.Share[verb], 1)
}

// verifies tells whether it can verify chains of the kind.
func (c Contestant) verifies(key KeyKind) bool {
	key, _ = key.signer()
	if c.Keys == nil {
		return key == KeyP256 || key == KeyRSA
	}
	return slices.Contains(c.Keys, key)
}

// Command gives the command line, and the configuration that it names, for
// people.
func (c Contestant) Command(t Target) (command, config string) {
	args, err := c.Args(t)
	if err != nil {
		return err.Error(), ""
	}
	clean := strings.NewReplacer(t.dir+"/", "", t.Addr, "HOST:PORT").Replace
	return clean(filepath.Base(c.Program) + " " + strings.Join(args, " ")), clean(configuration(args))
}
