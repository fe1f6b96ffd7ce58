package bench

import (
	"context"
	"crypto/tls"
	"os/exec"
	"strings"
)

// Tlsify gives the contestants that the tlsify at path makes: one with the
// engine that it has by default, and one for every other engine in it.
func Tlsify(ctx context.Context, path string) []Contestant {
	all := []Contestant{tlsify("tlsify", path, "")}
	listed, _ := exec.CommandContext(ctx, path, "engines").Output()
	for i, line := range strings.Split(strings.TrimSpace(string(listed)), "\n") {
		if engine, _, _ := strings.Cut(line, "\t"); i > 0 && engine != "" {
			all = append(all, tlsify("tlsify "+engine, path, engine))
		}
	}
	return all
}

func tlsify(name, path, engine string) Contestant {
	options := "as it comes"
	if engine != "" {
		options = "--engine " + engine
	}
	return Contestant{
		Name:    name,
		Program: path,
		Version: []string{"version"},
		Options: options,
		Groups:  true, Stores: true, Resumes: true,
		Args: func(t Target) ([]string, error) {
			args := []string{"connect", "--name", t.Name}
			if t.Store == (Store{}) {
				args = append(args, "--trust", t.CAFile)
			}
			if engine != "" {
				args = append(args, "--engine", engine)
			}
			if t.Group != 0 {
				args = append(args, "--groups", tlsifyGroup(t.Group))
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
}

// tlsifyGroup gives the IANA's name of a group, which is tlsify's.
func tlsifyGroup(group tls.CurveID) string {
	switch group {
	case tls.X25519:
		return "x25519"
	case tls.CurveP256:
		return "secp256r1"
	case tls.CurveP384:
		return "secp384r1"
	}
	return group.String()
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
func Custom(name, command string) Contestant {
	words := strings.Fields(command)
	if len(words) == 0 {
		words = []string{""}
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
	}
}
