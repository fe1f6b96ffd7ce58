package personality

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// openssl is `openssl s_client -quiet`, as BusyBox wget and recipes for ssh's
// ProxyCommand call it. The certificate is always checked, and for the name
// that -verify_hostname, -verify_ip or -servername gives, or else the host's.
func openssl(args []string, _ Getenv) (*Call, error) {
	if len(args) == 0 || args[0] != "s_client" {
		return nil, errors.New("there is only s_client here")
	}
	s := &sClient{seen: map[string]string{}}
	if err := s.read(args[1:]); err != nil {
		return nil, err
	}
	place, err := s.where()
	if err != nil {
		return nil, err
	}
	call := &Call{Args: s.arguments(), place: place}
	if isBusyBox(args) {
		call.Complaints = 3
	}
	return call, nil
}

// isBusyBox recognises the call of BusyBox wget, which puts /dev/null on
// descriptor 2 and its own standard error on 3, where the reason of a failure
// would otherwise never be seen.
func isBusyBox(args []string) bool {
	shape := []string{"s_client", "-quiet", "-connect"}
	return len(args) > 3 && slices.Equal(args[:3], shape)
}

// sClient is a command line of s_client's.
type sClient struct {
	seen  map[string]string // options and their values, the last of each
	tlsa  []string
	place string
}

// sClientOptions are the options of s_client that there are here: whether each
// takes a value. The rest would be done without, or weaken.
var sClientOptions = map[string]bool{
	"connect": true, "host": true, "port": true, "unix": true, "proxy": true, "4": false, "6": false,
	"servername": true, "noservername": false, "verify_hostname": true, "verify_ip": true, "verify": true,
	"verify_return_error": false, "verify_quiet": false, "CAfile": true, "CApath": true, "verifyCAfile": true, "verifyCApath": true,
	"no-CAfile": false, "no-CApath": false, "no-CAstore": false, "CRL": true, "crl_check": false,
	"dane_tlsa_domain": true, "dane_tlsa_rrdata": true, "cert": true, "key": true, "certform": true, "keyform": true,
	"tls1_3": false, "no_tls1_2": false, "no_ssl3": false, "no_tls1": false, "no_tls1_1": false, "min_protocol": true,
	"alpn": true, "groups": true, "curves": true, "starttls": true, "status": false, "keylogfile": true,
	"quiet": false, "ign_eof": false, "no_ign_eof": false, "nocommands": false,
}

func (s *sClient) read(args []string) error {
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
		takes, known := sClientOptions[name]
		switch {
		case !known:
			return fmt.Errorf("there is no -%s here", name)
		case !takes:
			s.seen[name] = ""
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

func (s *sClient) has(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { _, ok := s.seen[name]; return ok })
}

// check refuses what cannot be done as it is asked.
func (s *sClient) check() error {
	if !s.has("quiet") {
		return errors.New("-quiet is needed: there is nothing but the stream on standard output here")
	}
	if s.has("verify_hostname") && s.has("verify_ip") {
		return errors.New("-verify_hostname and -verify_ip cannot stand together here")
	}
	if depth, ok := s.seen["verify"]; ok {
		// A path has at most ten certificates here.
		if n, err := strconv.Atoi(depth); err != nil || n < 9 {
			return fmt.Errorf("-verify %s: the depth cannot be limited to less than 9 here", depth)
		}
	}
	for _, form := range []string{"certform", "keyform"} {
		if value, ok := s.seen[form]; ok && !strings.EqualFold(value, "PEM") {
			return fmt.Errorf("-%s: only PEM is supported here", form)
		}
	}
	if s.has("crl_check") && !s.has("CRL") {
		return errors.New("-crl_check needs -CRL")
	}
	if s.has("no-CAfile", "no-CApath", "no-CAstore") && !s.has("CAfile", "CApath", "verifyCAfile", "verifyCApath") {
		return errors.New("without any roots no certificate is good")
	}
	if value, ok := s.seen["min_protocol"]; ok && value != "TLSv1.3" && value != "TLSv1.2" {
		return fmt.Errorf("-min_protocol %s: there are TLSv1.2 and TLSv1.3 here", value)
	}
	return nil
}

// arguments are tlsify's.
func (s *sClient) arguments() []string {
	out := []string{"connect"}
	switch {
	case s.has("verify_hostname"):
		out = append(out, "--name="+s.seen["verify_hostname"])
	case s.has("verify_ip"):
		out = append(out, "--name="+splitPort(s.seen["verify_ip"]))
	case s.has("dane_tlsa_domain"):
		out = append(out, "--name="+s.seen["dane_tlsa_domain"])
	case s.has("servername"):
		out = append(out, "--name="+s.seen["servername"])
	}
	if s.has("noservername") {
		out = append(out, "--sni=none")
	} else if name, ok := s.seen["servername"]; ok {
		out = append(out, "--sni="+name)
	}
	for _, record := range s.tlsa {
		out = append(out, "--tlsa="+record)
	}
	for _, o := range [][2]string{
		{"CAfile", "trust"}, {"CApath", "trust"}, {"verifyCAfile", "trust"}, {"verifyCApath", "trust"}, {"CRL", "crl"},
		{"cert", "cert"}, {"key", "key"}, {"alpn", "alpn"}, {"starttls", "starttls"}, {"keylogfile", "keylog"},
	} {
		if value, ok := s.seen[o[0]]; ok {
			out = append(out, "--"+o[1]+"="+value)
		}
	}
	if s.has("cert") && !s.has("key") {
		out = append(out, "--key="+s.seen["cert"])
	}
	for _, name := range []string{"groups", "curves"} {
		if value, ok := s.seen[name]; ok {
			out = append(out, "--groups="+strings.ReplaceAll(value, ":", ","))
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
	// -quiet is -ign_eof: the connection is the server's to end. Where it is not,
	// the real one ends at once.
	eof := "hold"
	if s.has("no_ign_eof") {
		eof = "half-close"
	}
	return append(out, "--eof="+eof)
}

// where is the place to connect to.
func (s *sClient) where() (string, error) {
	if path, ok := s.seen["unix"]; ok {
		return "unix:" + path, nil
	}
	place := s.place
	if value, ok := s.seen["connect"]; ok {
		place = value
	}
	if place == "" && s.has("host") {
		place = s.seen["host"]
	}
	if place == "" {
		return "", errors.New("-connect HOST:PORT is needed")
	}
	if port, ok := s.seen["port"]; ok && !strings.Contains(place, ":") {
		place += ":" + port
	}
	return place, nil
}
