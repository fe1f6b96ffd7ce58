package bench

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Peers are the programs that people use as TLS helpers, each with the options
// that make it fastest while it still verifies the server's chain, where it can.
func Peers(ctx context.Context) []Contestant {
	all := []Contestant{
		openssl(ctx),
		socat("socat -b 262144", "verify=1, and a block of 256 KiB in place of 8 KiB: its fastest", "-b", "262144"),
		socat("socat", "verify=1, otherwise as it comes"),
		stunnel(),
		ncat(),
		gnutls(),
		busybox(),
	}
	for i := range all {
		all[i].Peer = true
	}
	return all
}

func openssl(ctx context.Context) Contestant {
	return Contestant{
		Name:    "openssl s_client",
		Program: "openssl",
		Version: []string{"version"},
		Options: "-quiet, chain and name verified; no store but the one given; it has nothing to make it faster; has a quarter of a transfer down",
		Share:   map[string]int64{"down": 4, "both": 4},
		Groups:  opensslGroups(ctx), Stores: true, Resumes: true,
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
			if t.CRL != "" {
				args = append(args, "-crl_check", "-CRL", t.CRL)
			}
			if t.Group != "" {
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

// opensslGroups gives the groups that the OpenSSL at hand has. It can list them
// since it has post-quantum ones.
func opensslGroups(ctx context.Context) []string {
	groups := []string{"x25519", "secp256r1", "secp384r1"}
	listed, err := exec.CommandContext(ctx, "openssl", "list", "-tls-groups").Output()
	if err != nil {
		return groups
	}
	for _, hybrid := range []string{"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024", "MLKEM512", "MLKEM768", "MLKEM1024"} {
		if strings.Contains(string(listed), hybrid) {
			groups = append(groups, hybrid)
		}
	}
	return groups
}

// opensslGroup gives OpenSSL's name of a group.
func opensslGroup(group string) string {
	switch group {
	case "x25519":
		return "X25519"
	case "secp256r1":
		return "P-256"
	case "secp384r1":
		return "P-384"
	}
	return group
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
		Options: "client in inetd mode, verifyChain and checkHost; no logging",
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
		Options: "--ssl-verify; it has nothing to make it faster",
		Args: func(t Target) ([]string, error) {
			return []string{"--ssl-verify", "--ssl-trustfile", t.CAFile, t.reached(), t.port()}, nil
		},
	}
}

// gnutls writes what it receives a byte at a time, which takes minutes for what
// others do in a second. Where it takes no longer it has as much to do as they:
// the first round trips of a process cost less than those that follow.
func gnutls() Contestant {
	return Contestant{
		Name:    "gnutls-cli",
		Program: "gnutls-cli",
		Version: []string{"--version"},
		Options: "chain and name verified; its own messages go to a log file; down it writes single bytes, and has 1/512 of a transfer and 1/10 of the round trips of 1,400",
		Share:   map[string]int64{"down": 512, "both": 512, "echo/1400": 10},
		Args: func(t Target) ([]string, error) {
			return []string{"--logfile=/dev/null", "--x509cafile=" + t.CAFile,
				"--verify-hostname=" + t.Name, "--sni-hostname=" + t.Name, "--port=" + t.port(), t.host()}, nil
		},
	}
}

// busybox has TLS 1.2 with P-256 and names no hash. A record that comes in one
// piece with the end of the handshake it sees only when more comes, so the
// client must be the first to speak.
func busybox() Contestant {
	return Contestant{
		Name:    "busybox ssl_client",
		Program: "busybox",
		Version: []string{},
		Options: "verifies NOTHING: it cannot; TLS 1.2, which is all that it has; is given a connected socket, as BusyBox wget does it; has 1/32 of a transfer",
		Share:   map[string]int64{"up": 32, "down": 32, "both": 32},
		Dialed:  true,
		Only: &ServerKind{Key: KeyP256, Version: tls.VersionTLS12, Suite: tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			Debug: oldHash, AfterClient: true},
		Args: func(t Target) ([]string, error) {
			return []string{"ssl_client", "-s", "3", "-n", t.Name}, nil
		},
	}
}
