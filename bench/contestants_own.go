package bench

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// axes are tlsify's options each value of which is a contestant of its own
// where the tlsify at hand has the option: the values, those with which no
// session can be kept, and the topic of `tlsify help` that tells of the option.
var axes = []struct {
	option  string
	values  []string
	forgets []string
	topic   string
}{
	{"--pump", []string{"ktls", "record", "session"}, []string{"ktls", "record"}, "stream"},
}

// Tlsify gives the contestants that the tlsify at path makes: one as it comes
// or, where engine is not empty, with that engine; and one for every other
// engine in it and every value of the axes.
func Tlsify(ctx context.Context, path, engine string) []Contestant {
	engines := tlsifyEngines(ctx, path)
	usual := engine
	if usual == "" && len(engines) > 0 {
		usual = engines[0].name
	}
	var all []Contestant
	for _, e := range engines {
		if e.name == usual {
			c := tlsify("tlsify", path, e)
			if engine != "" {
				c = c.choosing("tlsify", "", "--engine", engine)
			}
			all = append([]Contestant{c}, all...)
			continue
		}
		all = append(all, tlsify("", path, e).choosing("tlsify "+e.name, "--engine", "--engine", e.name))
	}
	if len(all) == 0 || all[0].Name != "tlsify" {
		// Not there, or without this engine: what it says is told of it.
		c := tlsify("tlsify", path, tlsifyEngine{})
		if engine != "" {
			c = c.choosing("tlsify", "", "--engine", engine)
		}
		return append([]Contestant{c}, all...)
	}
	for _, axis := range axes {
		help, _ := exec.CommandContext(ctx, path, "help", axis.topic).Output()
		if !strings.Contains(string(help), axis.option+" ") {
			continue
		}
		for _, value := range axis.values {
			c := all[0].choosing("tlsify "+axis.option+" "+value, axis.option, axis.option, value)
			c.Resumes = !slices.Contains(axis.forgets, value)
			all = append(all, c)
		}
	}
	return all
}

// MoreEngines gives the contestants of the engines that the tlsify at path has
// and those in all do not.
func MoreEngines(ctx context.Context, path string, all []Contestant) (more []Contestant) {
	for _, c := range Tlsify(ctx, path, "") {
		known := func(other Contestant) bool { return other.Name == c.Name }
		if c.Variant == "--engine" && !slices.ContainsFunc(all, known) {
			more = append(more, c)
		}
	}
	return more
}

// choosing gives the contestant with more options, as a variant.
func (c Contestant) choosing(name, variant string, options ...string) Contestant {
	c.Name, c.Variant = name, variant
	if c.Options == asItComes {
		c.Options = ""
	}
	c.Options = strings.TrimSpace(c.Options + " " + strings.Join(options, " "))
	plain := c.Args
	c.Args = func(t Target) ([]string, error) {
		args, err := plain(t)
		last := len(args) - 1
		return slices.Concat(args[:last:last], options, args[last:]), err
	}
	return c
}

const asItComes = "as it comes"

// tlsifyEngine is what `tlsify engines -v` says of an engine.
type tlsifyEngine struct {
	name   string
	groups []string
}

func tlsifyEngines(ctx context.Context, path string) (all []tlsifyEngine) {
	listed, _ := exec.CommandContext(ctx, path, "engines", "-v").Output()
	for line := range strings.Lines(string(listed)) {
		name, _, described := strings.Cut(strings.TrimSpace(line), "\t")
		switch {
		case described:
			all = append(all, tlsifyEngine{name: name})
		case len(all) > 0:
			kind, groups, _ := strings.Cut(name, ": ")
			if kind == "groups" || kind == "groups by name only" {
				e := &all[len(all)-1]
				e.groups = append(e.groups, strings.Fields(groups)...)
			}
		}
	}
	return all
}

func tlsify(name, path string, engine tlsifyEngine) Contestant {
	c := Contestant{
		Name:    name,
		Program: path,
		Version: []string{"version"},
		Options: asItComes,
		Groups:  engine.groups, Stores: true, Resumes: true,
		Args: func(t Target) ([]string, error) {
			args := []string{"connect", "--name", t.Name}
			if t.Store == (Store{}) {
				args = append(args, "--trust", t.CAFile)
			}
			if t.Landmarks != "" {
				args = append(args, "--mtc-landmarks", t.Landmarks)
			}
			if t.CRL != "" {
				args = append(args, "--crl", t.CRL)
			}
			if t.Group != "" {
				args = append(args, "--groups", t.Group)
			}
			if t.Session != "" {
				args = append(args, "--session", t.Session)
			}
			return append(args, t.Addr), nil
		},
		Env: func(t Target) []string {
			var env []string
			if t.Store.File != "" {
				env = append(env, "SSL_CERT_FILE="+t.Store.File)
			}
			if t.Store.Dir != "" {
				env = append(env, "SSL_CERT_DIR="+t.Store.Dir)
			}
			return env
		},
	}
	if engine.name != "utls" {
		c.Keys = []KeyKind{KeyP256, KeyRSA, KeyMLDSA44, KeyMLDSA65, KeyMLDSA87, KeyMTC1, KeyMTC3, KeyMTCMark}
	}
	return c
}

// References are contestants of this program's own: what tlsify's figures are
// to be held against beside other people's programs. self is this program.
func References(self string) []Contestant {
	secure := func(role string) func(Target) ([]string, error) {
		return func(t Target) ([]string, error) {
			return []string{role, "--name", t.Name, "--ca", t.CAFile, t.Addr}, nil
		}
	}
	return []Contestant{{
		Name: "pass-through", Program: self,
		Options: "splice, no TLS: the harness's own cost, subtracted nowhere",
		Only:    &ServerKind{Plain: true},
		Args:    func(t Target) ([]string, error) { return []string{"pass", t.Addr}, nil },
	}, {
		Name: "crypto/tls, io.Copy", Program: self,
		Options: "the plain way to write a helper in Go",
		Args:    secure("copy"),
	}, {
		Name: "crypto/tls in process", Program: self,
		Options: "no helper: the caller has TLS itself, and its own cost is counted",
		Direct:  true,
		Args:    secure("direct"),
	}}
}

// Custom makes a contestant of a command line in which {addr}, {host}, {port},
// {name} and {ca} stand for where to connect and what to verify.
func Custom(name, command string) (Contestant, error) {
	words := strings.Fields(command)
	if name == "" || len(words) == 0 {
		return Contestant{}, fmt.Errorf("%q with the command %q is no contestant", name, command)
	}
	return Contestant{
		Name:    name,
		Program: words[0],
		Version: []string{"version"},
		Options: "as given",
		Args: func(t Target) ([]string, error) {
			fill := strings.NewReplacer("{addr}", t.Addr, "{host}", t.host(), "{port}", t.port(),
				"{name}", t.Name, "{ca}", t.CAFile)
			args := make([]string, 0, len(words)-1)
			for _, word := range words[1:] {
				args = append(args, fill.Replace(word))
			}
			return args, nil
		},
	}, nil
}
