package personality

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// sClient is `openssl s_client`. The certificate is always checked, and for the
// name that -verify_hostname, -verify_ip or -servername gives, or else the
// host's. Without -quiet, what scripts look for is printed about the handshake;
// of a certificate that was refused, too, and then there is no stream.
func sClient(args []string) (*Call, error) {
	if slices.Contains(args, "-help") || slices.Contains(args, "--help") {
		return &Call{Args: []string{"help", "s_client"}}, nil
	}
	s := &sClientCall{seen: map[string]string{}}
	if err := s.read(args); err != nil {
		return nil, err
	}
	place := s.where()
	call := &Call{Args: s.arguments(), place: place, Leaves: !s.ignEOF, CRLF: s.has("crlf"), NoInput: s.has("no-interactive")}
	var err error
	if call.Ciphers, err = s.ciphers(); err != nil {
		return nil, err
	}
	if call.MaxPath, err = s.maxPath(); err != nil {
		return nil, err
	}
	if !s.has("quiet") || s.has("brief") {
		call.Tell = &Tell{Kind: Transcript, Transcript: s.transcript(place)}
	}
	if call.Bind, err = s.bind(); err != nil {
		return nil, err
	}
	if isBusyBox(args) {
		call.Complaints = 3
	}
	return call, nil
}

// sClientCall is a command line of s_client's.
type sClientCall struct {
	seen   map[string]string // options and their values, the last of each
	tlsa   []string
	place  string
	ignEOF bool // what the last of the options about it says
}

// sClientOptions are the options of s_client that there are here: whether each
// takes a value. The rest would be done without, or weaken.
var sClientOptions = sync.OnceValue(func() map[string]bool {
	return map[string]bool{
		"connect": true, "bind": true, "host": true, "port": true, "unix": true, "proxy": true, "4": false, "6": false,
		"servername": true, "noservername": false, "verify_hostname": true, "verify_ip": true,
		"CAfile": true, "CApath": true, "CAstore": true, "verifyCAfile": true, "verifyCApath": true, "verifyCAstore": true,
		"no-CAfile": false, "no-CApath": false, "no-CAstore": false, "CRL": true, "crl_check": false, "verify_depth": true,
		"dane_tlsa_domain": true, "dane_tlsa_rrdata": true, "cert": true, "key": true, "certform": true, "keyform": true,
		"tls1_3": false, "no_tls1_2": false, "min_protocol": true, "cipher": true, "ciphersuites": true, "auth_level": true,
		"alpn": true, "groups": true, "curves": true, "starttls": true, "name": true, "xmpphost": true, "keylogfile": true,
		"quiet": false, "brief": false, "ign_eof": false, "no_ign_eof": false, "ignore_unexpected_eof": false,
		"crlf": false, "no-interactive": false, "showcerts": false, "status": false, "verify_return_error": false, "purpose": true,
		// What is so anyway: the peer is verified, its certificates are judged
		// strictly, a certificate that is trusted ends a path, and nothing typed is
		// a command. -verify is of how deep an error is overlooked: none is.
		"verify": true, "verify_quiet": false, "trusted_first": false, "x509_strict": false, "partial_chain": false, "no_alt_chains": false,
		"nocommands": false, "prexit": false, "nbio": false, "no_comp": false, "no_ticket": false, "no_renegotiation": false,
		"no_legacy_server_connect": false, "bugs": false, "no_ssl2": false, "no_ssl3": false, "no_tls1": false, "no_tls1_1": false,
		// Protocols: the floor is TLS 1.2, and better is no error.
		"tls1": false, "tls1_1": false, "tls1_2": false, "no_tls1_3": false,
	}
})

// SClientHelp lists them, for scripts that look whether there is one.
func SClientHelp() string {
	var names []string
	for name, takes := range sClientOptions() {
		line := " -" + name
		if takes {
			line += " val"
		}
		names = append(names, line)
	}
	slices.Sort(names)
	return "Usage: s_client [options] [host:port]\n\nOptions that tlsify has in the place of openssl:\n" + strings.Join(names, "\n") + "\n"
}

func (s *sClientCall) read(args []string) error {
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		name, isOption := strings.CutPrefix(word, "-")
		if !isOption {
			if s.place != "" {
				return fmt.Errorf("there are two places to connect to, %s and %s", s.place, word)
			}
			s.place = word
			continue
		}
		name = strings.TrimPrefix(name, "-")
		takes, known := sClientOptions()[name]
		switch {
		case !known:
			return fmt.Errorf("there is no -%s here", name)
		case !takes:
			s.seen[name] = ""
			switch name {
			case "quiet", "ign_eof":
				s.ignEOF = true
			case "no_ign_eof":
				s.ignEOF = false
			}
			continue
		case len(args) == 0:
			return fmt.Errorf("-%s needs a value", name)
		}
		if name == "dane_tlsa_rrdata" {
			s.tlsa = append(s.tlsa, args[0])
		}
		s.seen[name] = args[0]
		args = args[1:]
	}
	return s.check()
}

func (s *sClientCall) has(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { _, ok := s.seen[name]; return ok })
}

// roots are the options that say whom to trust.
var roots = []string{"CAfile", "CApath", "CAstore", "verifyCAfile", "verifyCApath", "verifyCAstore"}

// check refuses what cannot be done as it is asked.
func (s *sClientCall) check() error {
	if s.has("verify_hostname") && s.has("verify_ip") {
		return errors.New("-verify_hostname and -verify_ip cannot stand together here")
	}
	for _, form := range []string{"certform", "keyform"} {
		if value, ok := s.seen[form]; ok && !strings.EqualFold(value, "PEM") {
			return fmt.Errorf("-%s: only PEM is supported here", form)
		}
	}
	if s.has("crl_check") && !s.has("CRL") {
		return errors.New("-crl_check needs -CRL")
	}
	if s.has("no-CAfile", "no-CApath", "no-CAstore") && !s.has(roots...) {
		return errors.New("without any roots no certificate is good")
	}
	if value, ok := s.seen["min_protocol"]; ok && !slices.Contains([]string{"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", "None"}, value) {
		return fmt.Errorf("-min_protocol %s: there are TLSv1.2 and TLSv1.3 here", value)
	}
	if s.has("no_tls1_3") && s.has("tls1_3", "no_tls1_2") {
		return errors.New("-no_tls1_3: no protocol is left")
	}
	if value, ok := s.seen["purpose"]; ok && value != "sslserver" {
		return fmt.Errorf("-purpose %s: there is sslserver here", value)
	}
	if value, ok := s.seen["auth_level"]; ok {
		return checkLevel("-auth_level "+value, value)
	}
	return nil
}

// checkLevel takes a security level of OpenSSL's that is at most ours, which
// then stands.
func checkLevel(what, level string) error {
	if n, err := strconv.Atoi(level); err != nil || n < 0 || n > 2 {
		return fmt.Errorf("%s: there is level 2 here", what)
	}
	return nil
}

// maxPath is the most certificates that a path may have; 0: as by itself.
func (s *sClientCall) maxPath() (int, error) {
	depth, ok := s.seen["verify_depth"]
	if !ok {
		return 0, nil
	}
	n, err := strconv.Atoi(depth)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("-verify_depth %s is no number", depth)
	}
	const leafAndRoot, byItself = 2, 10
	return min(n, byItself-leafAndRoot) + leafAndRoot, nil
}

// arguments are tlsify's.
func (s *sClientCall) arguments() []string {
	out := []string{"connect"}
	if name := s.name(); name != "" {
		out = append(out, "--name="+name)
	}
	if s.has("noservername") {
		out = append(out, "--sni=none")
	} else if name, ok := s.seen["servername"]; ok && !isAddress(name) {
		out = append(out, "--sni="+name)
	}
	for _, record := range s.tlsa {
		out = append(out, "--tlsa="+record)
	}
	for _, name := range roots {
		if value, ok := s.seen[name]; ok {
			out = append(out, "--trust="+strings.TrimPrefix(value, "file:"))
		}
	}
	for _, o := range [][2]string{{"CRL", "crl"}, {"cert", "cert"}, {"key", "key"}, {"alpn", "alpn"}, {"starttls", "starttls"},
		{"name", "starttls-name"}, {"xmpphost", "starttls-name"}, {"keylogfile", "keylog"}} {
		if value, ok := s.seen[o[0]]; ok && (o[0] != "xmpphost" || !s.has("name")) {
			out = append(out, "--"+o[1]+"="+value)
		}
	}
	if s.has("cert") && !s.has("key") {
		out = append(out, "--key="+s.seen["cert"])
	}
	for _, name := range []string{"groups", "curves"} {
		if value, ok := s.seen[name]; ok {
			out = append(out, "--groups="+strings.NewReplacer(":", ",", "prime256v1", "P-256").Replace(value))
		}
	}
	if s.has("tls1_3", "no_tls1_2") || s.seen["min_protocol"] == "TLSv1.3" {
		out = append(out, "--min-security=tls13")
	}
	if value, ok := s.seen["proxy"]; ok {
		out = append(out, "--proxy=http://"+value)
	}
	for _, family := range []string{"4", "6"} {
		if s.has(family) {
			out = append(out, "-"+family)
		}
	}
	return append(out, s.ending()...)
}

// ending says what an end of file means, and what the peer's end without a
// close_notify.
func (s *sClientCall) ending() (out []string) {
	if s.ignEOF {
		out = append(out, "--eof=hold")
	} else {
		// The real one has left by the time that the peer ends.
		out = append(out, "--eof=half-close")
	}
	if s.has("ignore_unexpected_eof") {
		out = append(out, "--tolerate-truncation")
	}
	return out
}

// name is what the certificate must be for, where it is not the host.
func (s *sClientCall) name() string {
	switch {
	case s.has("verify_hostname"):
		return s.seen["verify_hostname"]
	case s.has("verify_ip"):
		return splitPort(s.seen["verify_ip"])
	case s.has("dane_tlsa_domain"):
		return s.seen["dane_tlsa_domain"]
	}
	return s.seen["servername"]
}

func isAddress(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}

// where is the place to connect to.
func (s *sClientCall) where() string {
	if path, ok := s.seen["unix"]; ok {
		return "unix:" + path
	}
	place := s.place
	if value, ok := s.seen["connect"]; ok {
		place = value
	}
	if place == "" {
		place = s.seen["host"]
	}
	if strings.HasPrefix(place, "-") {
		return place // which is refused
	}
	if place == "" || strings.LastIndexByte(place, ':') == 0 { // a port alone
		place = "localhost" + place
	}
	port, ok := s.seen["port"]
	if !ok {
		port = "4433"
	}
	return withPort(place, port)
}

// bind is the address, and the port or 0, to connect from.
func (s *sClientCall) bind() (from netip.AddrPort, err error) {
	value, ok := s.seen["bind"]
	if !ok {
		return from, nil
	}
	if s.has("unix") {
		return from, errors.New("-bind is not for -unix")
	}
	if addr, err := netip.ParseAddr(strings.Trim(value, "[]")); err == nil {
		return netip.AddrPortFrom(addr.Unmap(), 0), nil
	}
	if from, err = netip.ParseAddrPort(value); err != nil {
		return from, fmt.Errorf("-bind %s is no address, with or without a port", value)
	}
	return netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), nil
}

// transcript is what is to be printed.
func (s *sClientCall) transcript(place string) TranscriptOptions {
	name := s.name()
	if name == "" {
		name = splitPort(place)
	}
	return TranscriptOptions{Chain: s.has("showcerts"), Strict: s.has("verify_return_error"), Status: s.has("status"),
		Brief: s.has("brief"), Address: isAddress(name)}
}
