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
	call := &Call{Tell: s.tell, Network: new(Pair)}
	if err := s.pair(call.Network); err != nil {
		return nil, err
	}
	return call, s.client(call, env)
}

// s6Server is `s6-tlsd-io [OPTION]... FDR FDW`: TLS on 0 and 1, the plaintext
// on FDR and FDW.
func s6Server(args []string, env Getenv) (*Call, error) {
	s, err := readS6(args)
	if err != nil {
		return nil, err
	}
	call := &Call{Tell: s.tell, Network: &Pair{0, 1}, Plaintext: new(Pair)}
	if err := s.pair(call.Plaintext); err != nil {
		return nil, err
	}
	return call, s.server(call, env)
}

// s6DelayedClient is `s6-ucspitlsc [OPTION]... PROG...`: PROG has the network on
// 6 and 7, and TLS when it asks for it.
func s6DelayedClient(args []string, env Getenv) (*Call, error) {
	return s6Delayed(args, env, Pair{6, 7}, (*s6Call).client)
}

// s6DelayedServer is `s6-ucspitlsd [OPTION]... PROG...`: the same with the
// network on 0 and 1.
func s6DelayedServer(args []string, env Getenv) (*Call, error) {
	return s6Delayed(args, env, Pair{0, 1}, (*s6Call).server)
}

func s6Delayed(args []string, env Getenv, network Pair, side func(*s6Call, *Call, Getenv) error) (*Call, error) {
	s, err := readS6(args)
	if err != nil {
		return nil, err
	}
	if len(s.rest) == 0 || s.tell != nil {
		return nil, errors.New("a program is needed, and no -d")
	}
	call := &Call{Network: &network, Prog: s.rest}
	if _, keep := s.values['Z']; !keep {
		call.Unset = []string{"CADIR", "CAFILE", "CERTFILE", "KEYFILE", "TLS_UID", "TLS_GID"}
	}
	return call, side(s, call, env)
}

// s6Call is a command line of any of them.
type s6Call struct {
	values      map[byte]string
	rest        []string
	common      []string
	certificate byte // Y, y, or 0
	tell        *Tell
}

func (s *s6Call) client(call *Call, env Getenv) error {
	name, ok := s.values['k']
	if !ok {
		return errors.New("-k NAME is needed, for without it any certificate would do")
	}
	trust, err := s6Trust(env)
	if err != nil {
		return err
	}
	call.Args = append([]string{"connect", "--name=" + name, "--trust=" + trust}, s.common...)
	if s.certificate == 'y' {
		cert, key, err := s6Identity(env)
		if err != nil {
			return err
		}
		call.Args = append(call.Args, "--cert="+cert, "--key="+key)
	}
	s.ends(call)
	call.User, err = s6User(env)
	return err
}

func (s *s6Call) server(call *Call, env Getenv) error {
	if level, ok := s.values['k']; ok && level != "0" {
		return errors.New("-k: certificates by KEYFILE:NAME are not supported here")
	}
	cert, key, err := s6Identity(env)
	if err != nil {
		return err
	}
	call.Args = append([]string{"accept", "--cert=" + cert, "--key=" + key}, s.common...)
	if s.certificate != 0 {
		trust, err := s6Trust(env)
		if err != nil {
			return err
		}
		auth := map[byte]string{'Y': "request", 'y': "require"}[s.certificate]
		call.Args = append(call.Args, "--client-auth="+auth, "--client-trust="+trust)
	}
	s.ends(call)
	call.User, err = s6User(env)
	return err
}

// ends has the stream end as -S and -J say: by close_notify only with -S, and the
// peer's must be one only with -J. With -S the peer's end is the end of both
// directions.
func (s *s6Call) ends(call *Call) {
	_, notify := s.values['S']
	_, strict := s.values['J']
	call.ByFIN, call.TakeFIN = !notify, !strict
	if notify {
		call.Args = append(call.Args, "--eof=half-close")
	}
}

// pair reads the two descriptors that are all the rest.
func (s *s6Call) pair(into *Pair) (err error) {
	if len(s.rest) != 2 {
		return errors.New("two descriptors are needed, to read from and to write to")
	}
	if into.In, err = descriptor(s.rest[0]); err == nil {
		into.Out, err = descriptor(s.rest[1])
	}
	return err
}

func readS6(args []string) (*s6Call, error) {
	values, rest, err := letters(args, "SsJjYyZz", "vKkd")
	if err != nil {
		return nil, err
	}
	s := &s6Call{values: values, rest: rest}
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
		s.tell = &Tell{Kind: Variables, FD: fd}
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

// s6User are the user and group to go on as, which are read as root alone.
func s6User(env Getenv) (*IDs, error) {
	uid, ok := env("TLS_UID")
	gid, ok2 := env("TLS_GID")
	if !ok && !ok2 {
		return nil, nil
	}
	u, err := strconv.ParseUint(uid, 10, 31)
	g, err2 := strconv.ParseUint(gid, 10, 31)
	if err != nil || err2 != nil {
		return nil, errors.New("TLS_UID and TLS_GID are two numbers")
	}
	return &IDs{int(u), int(g)}, nil
}

func descriptor(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a descriptor", s)
	}
	return int(n), nil
}
