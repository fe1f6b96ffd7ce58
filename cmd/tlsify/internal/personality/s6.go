package personality

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// s6Client is `s6-tlsc-io [OPTION]... FDR FDW` of s6-networking: TLS on FDR and
// FDW, the plaintext on 0 and 1. Without a name (-k) it is the chain alone that is
// verified, as there: a server of whatever name will do. With --no-verify-cert, by
// which a mail server encrypts where it can, nothing is verified, which is said.
func s6Client(args []string, env Environment) (*Call, error) {
	s, err := readS6(args, s6ClientLong)
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
func s6Server(args []string, env Environment) (*Call, error) {
	s, err := readS6(args, s6ServerLong)
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
func s6DelayedClient(args []string, env Environment) (*Call, error) {
	return s6Delayed(args, env, s6ClientLong, Pair{6, 7}, (*s6Call).client)
}

// s6DelayedServer is `s6-ucspitlsd [OPTION]... PROG...`: the same with the
// network on 0 and 1.
func s6DelayedServer(args []string, env Environment) (*Call, error) {
	return s6Delayed(args, env, s6ServerLong, Pair{0, 1}, (*s6Call).server)
}

func s6Delayed(args []string, env Environment, long s6Side, network Pair, side func(*s6Call, *Call, Environment) error) (*Call, error) {
	s, err := readS6(args, long)
	if err != nil {
		return nil, err
	}
	for letter, into := range map[byte]*int{'6': &network.In, '7': &network.Out} {
		if value, ok := s.values[letter]; ok {
			if *into < 3 { // a server's are always 0 and 1
				return nil, fmt.Errorf("there is no -%c here", letter)
			}
			if *into, err = descriptor(value); err != nil || *into < 3 {
				return nil, fmt.Errorf("-%c %s: a descriptor of 3 or more is needed", letter, value)
			}
		}
	}
	if len(s.rest) == 0 || s.tell != nil {
		return nil, errors.New("a program is needed, and no -d")
	}
	call := &Call{Network: &network, Prog: s.rest}
	if _, keep := s.values['Z']; !keep {
		call.Unset = []string{"CADIR", "CAFILE", "CERTFILE", "KEYFILE", "TLS_UID", "TLS_GID"}
		for _, entry := range env {
			if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "KEYFILE:") || strings.HasPrefix(name, "CERTFILE:") {
				call.Unset = append(call.Unset, name)
			}
		}
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

func (s *s6Call) client(call *Call, env Environment) error {
	trust, err := s6Trust(env)
	if err != nil {
		return err
	}
	call.Args = []string{"connect"}
	if name, ok := s.values['k']; ok {
		call.Args = append(call.Args, "--name="+name)
	} else {
		call.AnyName = true
	}
	call.Args = append(append(call.Args, "--trust="+trust), s.common...)
	_, call.Unverified = s.values['!']
	if s.certificate == 'y' && !call.Unverified { // nobody unknown gets our certificate
		cert, key, err := s6Identity(env)
		if err != nil {
			return err
		}
		call.Args = append(call.Args, "--cert="+cert, "--key="+key)
	}
	s.ends(call)
	call.User = s6User(env)
	return nil
}

func (s *s6Call) server(call *Call, env Environment) error {
	identities, err := s.identities(env)
	if err != nil {
		return err
	}
	call.Args = append(append([]string{"accept"}, identities...), s.common...)
	if s.certificate != 0 {
		trust, err := s6Trust(env)
		if err != nil {
			return err
		}
		auth := map[byte]string{'Y': "request", 'y': "require"}[s.certificate]
		call.Args = append(call.Args, "--client-auth="+auth, "--client-trust="+trust)
	}
	s.ends(call)
	call.User = s6User(env)
	return nil
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
	for _, letter := range []byte("67") {
		if _, ok := s.values[letter]; ok {
			return fmt.Errorf("there is no -%c here", letter)
		}
	}
	if len(s.rest) != 2 {
		return errors.New("two descriptors are needed, to read from and to write to")
	}
	if into.In, err = descriptor(s.rest[0]); err == nil {
		into.Out, err = descriptor(s.rest[1])
	}
	return err
}

// s6Long are the long options, and the letter that says the same. Those of a
// client's or a server's alone are beside it.
var s6Long = sync.OnceValue(func() map[string]byte {
	return map[string]byte{
		"no-close-notify": 's', "close-notify": 'S', "no-enforce-close-notify": 'j', "enforce-close-notify": 'J',
		"no-keep": 'z', "keep": 'Z', "verbosity": 'v', "handshake-timeout": 'K', "notification-fd": 'd', "read-fd": '6', "write-fd": '7',
	}
})

// s6Side are the long options of one side.
type s6Side map[string]byte

var (
	s6ClientLong = s6Side{"no-client-cert": 'Y', "client-cert": 'y', "servername": 'k', "verify-cert": '?', "no-verify-cert": '!'}
	s6ServerLong = s6Side{"client-cert": 'Y', "mandatory-client-cert": 'y', "sni-level": 'k', "sni": '1', "mandatory-sni": '2'}
)

// read reads the options; of two that contradict the later one holds.
func (s *s6Call) read(args []string, side s6Side) error {
	opposite := map[byte]byte{'s': 'S', 'S': 's', 'j': 'J', 'J': 'j', 'z': 'Z', 'Z': 'z', 'Y': 'y', 'y': 'Y', '1': '2', '2': '1', '!': '?', '?': '!'}
	set := func(letter byte, value string) {
		delete(s.values, opposite[letter])
		s.values[letter] = value
	}
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0]
		if word == "--" {
			args = args[1:]
			break
		}
		if name, ok := strings.CutPrefix(word, "--"); ok {
			name, value, valued := strings.Cut(name, "=")
			letter, known := s6Long()[name]
			if l, ok := side[name]; ok {
				letter, known = l, true
			}
			if !known || valued != (strings.IndexByte(s6Takers, letter) >= 0) {
				return fmt.Errorf("there is no %s here", word)
			}
			set(letter, value)
			args = args[1:]
			continue
		}
		rest, err := lettersOf(args, "SsJjYyZz", s6Takers, set)
		if err != nil {
			return err
		}
		args = rest
	}
	s.rest = args
	for _, letter := range []byte("Yy") {
		if _, ok := s.values[letter]; ok {
			s.certificate = letter
		}
	}
	return nil
}

// s6Takers are the letters that take a value.
const s6Takers = "vKkd67"

func readS6(args []string, long s6Side) (*s6Call, error) {
	s := &s6Call{values: map[byte]string{}}
	if err := s.read(args, long); err != nil {
		return nil, err
	}
	values := s.values
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
func s6Trust(env Environment) (string, error) {
	for _, name := range []string{"CADIR", "CAFILE"} {
		if value, ok := env.Get(name); ok {
			return value, nil
		}
	}
	return "", errors.New("neither CADIR nor CAFILE is set")
}

func s6Identity(env Environment) (cert, key string, err error) {
	cert, ok := env.Get("CERTFILE")
	key, ok2 := env.Get("KEYFILE")
	if !ok || !ok2 {
		return "", "", errors.New("CERTFILE and KEYFILE are needed")
	}
	return cert, key, nil
}

// identities are a server's: CERTFILE and KEYFILE, and from level 1 on those by
// name, which are alone from level 2 on.
func (s *s6Call) identities(env Environment) (args []string, err error) {
	level := uint64(0)
	for letter, is := range map[byte]uint64{'1': 1, '2': 2} {
		if _, ok := s.values[letter]; ok {
			level = is
		}
	}
	if text, ok := s.values['k']; ok {
		if level, err = strconv.ParseUint(text, 10, 31); err != nil {
			return nil, fmt.Errorf("-k %s is no level", text)
		}
	}
	if level < 2 {
		cert, key, err := s6Identity(env)
		if err != nil {
			return nil, err
		}
		args = append(args, "--cert="+cert, "--key="+key)
	}
	if level == 0 {
		return args, nil
	}
	for _, entry := range env {
		name, key, ok := strings.Cut(strings.TrimPrefix(entry, "KEYFILE:"), "=")
		if !ok || name == "" || !strings.HasPrefix(entry, "KEYFILE:") {
			continue
		}
		cert, ok := env.Get("CERTFILE:" + name)
		if !ok {
			return nil, &SetupError{fmt.Sprintf("there is KEYFILE:%s and no CERTFILE:%s", name, name)}
		}
		args = append(args, "--cert="+cert, "--key="+key)
	}
	if len(args) == 0 {
		return nil, &SetupError{"there is no KEYFILE:NAME"}
	}
	return args, nil
}

// s6User are the user and group to go on as, which are read as root alone.
func s6User(env Environment) *IDs {
	uid, ok := env.Get("TLS_UID")
	gid, ok2 := env.Get("TLS_GID")
	if !ok && !ok2 {
		return nil
	}
	ids := &IDs{UID: -1, GID: -1}
	for _, id := range []struct {
		name, text string
		given      bool
		into       *int
	}{{"TLS_UID", uid, ok, &ids.UID}, {"TLS_GID", gid, ok2, &ids.GID}} {
		n, err := strconv.ParseUint(id.text, 10, 31)
		switch {
		case !id.given:
		case err != nil:
			ids.Invalid = id.name + " is no number"
		case n > 0: // 0 is to stay as it is
			*id.into = int(n)
		}
	}
	return ids
}

// s6Status is what an s6 program ends with: 96 is of files and the like, 97 of the
// handshake, 98 of the stream and of a handshake that took too long, 100 of the
// arguments, 111 of the system.
func s6Status(status int, code string, refused bool) int {
	switch {
	case refused:
		return 100
	case code == "handshake-timeout":
		return 98
	}
	if of := [...]int{0, 96, 111, 97, 97, 97, 98, 98, 111}; status >= 0 && status < len(of) {
		return of[status]
	}
	return status
}

func descriptor(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a descriptor", s)
	}
	return int(n), nil
}
