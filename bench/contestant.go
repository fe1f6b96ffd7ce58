package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	// Only is the one kind of server that it can talk to; nil: any.
	Only *ServerKind
	// Direct tells that it is no helper but does the caller's part itself:
	// it is given the order, and answers when it is carried out.
	Direct bool
	// Groups tells that it can be told which group to offer; others offer
	// theirs and may be asked to try again by the server.
	Groups bool
	// Stores tells that it can be given a whole system's roots, and Resumes
	// that it can keep a session.
	Stores, Resumes bool
}

// Entry is what a report says of a contestant.
type Entry struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Command string `json:"command,omitempty"`
	Options string `json:"options,omitempty"`
	Missing string `json:"missing,omitempty"` // why it does not take part
}

// Muster finds out which contestants are installed. The order is kept.
func Muster(ctx context.Context, all []Contestant) (present []Contestant, entries []Entry) {
	for _, c := range all {
		entry := Entry{Name: c.Name, Options: c.Options}
		path, err := exec.LookPath(c.Program)
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err != nil {
			entry.Missing = fmt.Sprintf("%s is not installed", c.Program)
		} else {
			c.Program = path
			entry.Version = c.version(ctx)
			present = append(present, c)
		}
		entries = append(entries, entry)
	}
	return present, entries
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

// Command gives the command line, for people.
func (c Contestant) Command(t Target) string {
	args, err := c.Args(t)
	if err != nil {
		return err.Error()
	}
	line := filepath.Base(c.Program) + " " + strings.Join(args, " ")
	line = strings.ReplaceAll(line, t.dir+"/", "")
	return strings.ReplaceAll(line, t.Addr, "HOST:PORT")
}

// Describe completes the entries of the contestants that are present by their
// command lines.
func (r *Rig) Describe(present []Contestant, entries []Entry) error {
	for _, c := range present {
		target, err := r.Target(c.serverKind(ServerKind{Key: KeyP256}))
		if err != nil {
			return err
		}
		for i := range entries {
			if entries[i].Name == c.Name {
				entries[i].Command = c.Command(target)
			}
		}
	}
	return nil
}
