package personality

import (
	"errors"
	"fmt"
	"strconv"
)

// s6Client is `s6-tlsc-io [OPTION]... FDR FDW` of s6-networking: TLS on FDR and
// FDW, the plaintext on 0 and 1. A name (-k) is needed, for without it any
// certificate would do.
func s6Client(args []string, env Getenv) (*Call, error) {
	s, err := readS6(args)
	if err != nil {
		return nil, err
	}
	name, ok := s.values['k']
	if !ok {
		return nil, errors.New("-k NAME is needed, for without it any certificate would do")
	}
	call := &Call{Args: append([]string{"connect", "--name=" + name}, s.common...), Tell: s.tell}
	trust, err := s6Trust(env)
	if err != nil {
		return nil, err
	}
	call.Args = append(call.Args, "--trust="+trust)
	if s.certificate == 'y' {
		cert, key, err := s6Identity(env)
		if err != nil {
			return nil, err
		}
		call.Args = append(call.Args, "--cert="+cert, "--key="+key)
	}
	call.Args = append(call.Args, fmt.Sprintf("--net-fd=%d,%d", s.fds.In, s.fds.Out))
	if s.fds.In == s.fds.Out {
		call.Args[len(call.Args)-1] = fmt.Sprintf("--net-fd=%d", s.fds.In)
	}
	return call, nil
}

// s6Server is `s6-tlsd-io [OPTION]... FDR FDW`: TLS on 0 and 1, the plaintext
// on FDR and FDW.
func s6Server(args []string, env Getenv) (*Call, error) {
	s, err := readS6(args)
	if err != nil {
		return nil, err
	}
	if level, ok := s.values['k']; ok && level != "0" {
		return nil, errors.New("-k: certificates by KEYFILE:NAME are not to be had here")
	}
	cert, key, err := s6Identity(env)
	if err != nil {
		return nil, err
	}
	call := &Call{
		Args:      append([]string{"accept", "--cert=" + cert, "--key=" + key}, s.common...),
		Network:   &Pair{0, 1},
		Plaintext: &s.fds,
		Tell:      s.tell,
	}
	if s.certificate != 0 {
		trust, err := s6Trust(env)
		if err != nil {
			return nil, err
		}
		auth := map[byte]string{'Y': "request", 'y': "require"}[s.certificate]
		call.Args = append(call.Args, "--client-auth="+auth, "--client-trust="+trust)
	}
	return call, nil
}

// s6Call is a command line of either.
type s6Call struct {
	values      map[byte]string
	common      []string
	certificate byte // Y, y, or 0
	tell        *Tell
	fds         Pair
}

func readS6(args []string) (*s6Call, error) {
	values, rest, err := letters(args, "SsJjYy", "vKkd")
	if err != nil {
		return nil, err
	}
	s := &s6Call{values: values}
	if len(rest) != 2 {
		return nil, errors.New("two descriptors are needed, to read from and to write to")
	}
	for i, into := range []*int{&s.fds.In, &s.fds.Out} {
		if *into, err = descriptor(rest[i]); err != nil {
			return nil, err
		}
	}
	// That a stream ends without close_notify is an error only with -J.
	if _, strict := values['J']; !strict {
		s.common = append(s.common, "--tolerate-truncation")
	}
	if _, ok := values['Y']; ok {
		s.certificate = 'Y'
	}
	if _, ok := values['y']; ok {
		s.certificate = 'y'
	}
	if limit, ok := values['K']; ok {
		n, err := strconv.ParseUint(limit, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("-K %s is no time", limit)
		}
		if n > 0 { // 0 is no limit there; here there always is one
			s.common = append(s.common, fmt.Sprintf("--handshake-timeout=%dms", n))
		}
	}
	if to, ok := values['d']; ok {
		fd, err := descriptor(to)
		if err != nil {
			return nil, err
		}
		s.tell = &Tell{Variables, fd}
	}
	return s, nil
}

// s6Trust is CADIR, or else CAFILE. Neither is no way to the system's roots.
func s6Trust(env Getenv) (string, error) {
	for _, name := range []string{"CADIR", "CAFILE"} {
		if value, ok := env(name); ok {
			return value, nil
		}
	}
	return "", errors.New("neither CADIR nor CAFILE is set")
}

func s6Identity(env Getenv) (cert, key string, err error) {
	cert, ok := env("CERTFILE")
	key, ok2 := env("KEYFILE")
	if !ok || !ok2 {
		return "", "", errors.New("CERTFILE and KEYFILE are needed")
	}
	return cert, key, nil
}

func descriptor(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a descriptor", s)
	}
	return int(n), nil
}
