package bench

import (
	"crypto/tls"
	"fmt"
	"os"
)

// Peers are the programs that people use as TLS helpers, each with the options
// that make it fastest while it still verifies the server's chain. BusyBox's
// ssl_client is not among them: it verifies nothing, has only RSA key exchange
// in common with crypto/tls, and stalls in some connections to a server that
// speaks first.
func Peers() []Contestant {
	return []Contestant{
		openssl(),
		socat("socat -b 262144", "verify=1, and a block of 256 KiB in place of 8 KiB: its fastest", "-b", "262144"),
		socat("socat", "verify=1, otherwise as it comes"),
		stunnel(),
		ncat(),
		gnutls(),
	}
}

func openssl() Contestant {
	return Contestant{
		Name:    "openssl s_client",
		Program: "openssl",
		Version: []string{"version"},
		Options: "-quiet, chain and name verified; no store but the one given",
		Groups:  true, Stores: true, Resumes: true,
		Args: func(t Target) ([]string, error) {
			args := []string{"s_client", "-quiet", "-connect", t.Addr, "-servername", t.Name,
				"-verify_hostname", t.Name, "-verify_return_error", "-no-CAstore"}
			switch {
			case t.Store.Dir != "":
				args = append(args, "-CApath", t.Store.Dir, "-no-CAfile")
			case t.Store.File != "":
				args = append(args, "-CAfile", t.Store.File, "-no-CApath")
			default:
				args = append(args, "-CAfile", t.CAFile, "-no-CApath")
			}
			if t.Group != 0 {
				args = append(args, "-groups", opensslGroup(t.Group))
			}
			if t.Session != "" {
				if _, err := os.Stat(t.Session); err == nil {
					args = append(args, "-sess_in", t.Session)
				}
				args = append(args, "-sess_out", t.Session)
			}
			return args, nil
		},
	}
}

// opensslGroup gives OpenSSL's name of a group.
func opensslGroup(group tls.CurveID) string {
	switch group {
	case tls.CurveP256:
		return "P-256"
	case tls.CurveP384:
		return "P-384"
	}
	return group.String()
}

func socat(name, options string, first ...string) Contestant {
	return Contestant{
		Name:    name,
		Program: "socat",
		Version: []string{"-V"},
		Options: options,
		Args: func(t Target) ([]string, error) {
			return append(first[:len(first):len(first)], "-", fmt.Sprintf(
				"OPENSSL:%s,verify=1,cafile=%s,commonname=%s,snihost=%s", t.Addr, t.CAFile, t.Name, t.Name)), nil
		},
	}
}

func stunnel() Contestant {
	return Contestant{
		Name:    "stunnel",
		Program: "stunnel",
		Version: []string{"-version"},
		Options: "client in inetd mode, verifyChain and checkHost",
		Args: func(t Target) ([]string, error) {
			file := t.file("stunnel-" + t.port() + ".conf")
			text := fmt.Sprintf("client = yes\nforeground = yes\nsyslog = no\ndebug = 0\nconnect = %s\n"+
				"verifyChain = yes\nCAfile = %s\ncheckHost = %s\nsni = %s\n", t.Addr, t.CAFile, t.Name, t.Name)
			return []string{file}, replaceFile(file, []byte(text), 0o644)
		},
	}
}

func ncat() Contestant {
	return Contestant{
		Name:    "ncat",
		Program: "ncat",
		Version: []string{"--version"},
		Options: "--ssl-verify",
		Args: func(t Target) ([]string, error) {
			return []string{"--ssl-verify", "--ssl-trustfile", t.CAFile, "localhost", t.port()}, nil
		},
	}
}

func gnutls() Contestant {
	return Contestant{
		Name:    "gnutls-cli",
		Program: "gnutls-cli",
		Version: []string{"--version"},
		Options: "chain and name verified; its own messages go to a log file",
		Args: func(t Target) ([]string, error) {
			return []string{"--logfile=/dev/null", "--x509cafile=" + t.CAFile,
				"--verify-hostname=" + t.Name, "--sni-hostname=" + t.Name, "--port=" + t.port(), "127.0.0.1"}, nil
		},
	}
}
