package personality

import (
	"errors"
	"fmt"
	"strings"
)

// sslClient is `ssl_client [-e] [-I] -s FD [-r FD] [-n NAME]`, BusyBox's and that of
// Alpine, whose -I is not to verify: it changes nothing here. Or it is with a
// host in place of the descriptors. Unlike that one it checks the certificate,
// for which there must be a name. Without -e it is the peer that ends the
// connection; with it the end of the input is the end of ours, though what the
// peer still says is not dropped.
func sslClient(args []string, _ Environment) (*Call, error) {
	values, rest, err := letters(args, "eI", "srn")
	if err != nil {
		return nil, err
	}
	eof := "--eof=hold"
	if _, ends := values['e']; ends {
		eof = "--eof=half-close"
	}
	name, named := values['n']
	in, hasIn := values['r']
	out, hasOut := values['s']
	switch {
	case len(rest) > 1, len(rest) == 1 && (hasIn || hasOut):
		return nil, fmt.Errorf("unexpected argument %s", rest[len(rest)-1])
	case len(rest) == 1:
		call := &Call{Args: []string{"connect", eof}, place: withPort(rest[0], "443")}
		if named {
			call.Args = append(call.Args, "--name="+splitPort(name))
		}
		return call, nil
	case !hasOut:
		return nil, errors.New("-s FD is needed")
	case !named:
		return nil, errors.New("-n NAME is needed, for without it any certificate would do")
	}
	network := out
	if hasIn && in != out {
		network = in + "," + out
	}
	return &Call{Args: []string{"connect", "--name=" + splitPort(name), "--net-fd=" + network, eof}}, nil
}

// letters reads options of one letter: switches, and those that take a value,
// behind the letter or in the next argument.
func letters(args []string, switches, takers string) (values map[byte]string, rest []string, err error) {
	values = map[byte]string{}
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		if args[0] == "--" {
			return values, args[1:], nil
		}
		args, err = lettersOf(args, switches, takers, func(letter byte, value string) { values[letter] = value })
		if err != nil {
			return nil, nil, err
		}
	}
	return values, args, nil
}

// lettersOf reads the options of the first argument, in their order, and returns
// the arguments behind them.
func lettersOf(args []string, switches, takers string, set func(letter byte, value string)) ([]string, error) {
	word := args[0][1:]
	args = args[1:]
	for word != "" {
		letter := word[0]
		word = word[1:]
		switch {
		case strings.IndexByte(switches, letter) >= 0:
			set(letter, "")
			continue
		case strings.IndexByte(takers, letter) < 0:
			return nil, fmt.Errorf("there is no -%c here", letter)
		case word == "" && len(args) == 0:
			return nil, fmt.Errorf("-%c needs a value", letter)
		case word == "":
			word, args = args[0], args[1:]
		}
		set(letter, word)
		word = ""
	}
	return args, nil
}
