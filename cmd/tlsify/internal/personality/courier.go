package personality

import (
	"errors"
	"fmt"
	"strings"
)

// courier is Courier's couriertls with -remotefd or -host and -port, with
// -localfd or a plaintext on 0 and 1, with -statusfd and -server. A client
// checks the certificate whatever TLS_VERIFYPEER says, and for that must be
// given -verify, or -host.
func courier(args []string, env Environment) (*Call, error) {
	call := &Call{}
	// First of all: at its end of file without a line all is well.
	for _, word := range args {
		if value, ok := strings.CutPrefix(word, "-statusfd="); ok {
			fd, err := descriptor(value)
			if err != nil {
				return nil, err
			}
			call.Tell = &Tell{Kind: Ending, FD: fd}
		}
	}
	return call, call.courier(args, env)
}

func (call *Call) courier(args []string, env Environment) (err error) {
	values := map[string]string{}
	for _, word := range args {
		name, value, _ := strings.Cut(strings.TrimPrefix(word, "-"), "=")
		switch {
		case !strings.HasPrefix(word, "-"):
			return fmt.Errorf("a program cannot be started here: %s", word)
		case name != "remotefd" && name != "localfd" && name != "statusfd" && name != "host" && name != "port" && name != "verify" && name != "server":
			return fmt.Errorf("there is no -%s here", name)
		}
		values[name] = value
	}
	for _, name := range []string{"TLS_PROTOCOL", "TLS_CIPHER_LIST"} {
		if value, _ := env.Get(name); value != "" {
			return fmt.Errorf("%s is not supported here", name)
		}
	}
	if value, ok := values["localfd"]; ok {
		fd, err := descriptor(value)
		if err != nil {
			return err
		}
		call.Plaintext = &Pair{fd, fd}
	}
	if _, server := values["server"]; server {
		call.Args, err = courierServer(env)
	} else {
		call.Args, err = courierClient(values, env)
	}
	if err != nil {
		return err
	}
	return courierPlace(call, values)
}

func courierClient(values map[string]string, env Environment) ([]string, error) {
	args := []string{"connect"}
	if name := values["verify"]; name != "" {
		args = append(args, "--name="+name)
	} else if values["host"] == "" {
		return nil, errors.New("-verify=DOMAIN is needed, for without it any certificate would do")
	}
	if roots, ok := env.Get("TLS_TRUSTCERTS"); ok {
		args = append(args, "--trust="+roots)
	}
	return append(args, courierIdentity(env)...), nil
}

func courierServer(env Environment) ([]string, error) {
	args := append([]string{"accept"}, courierIdentity(env)...)
	if len(args) == 1 {
		return nil, errors.New("TLS_CERTFILE is needed")
	}
	roots, _ := env.Get("TLS_TRUSTCERTS")
	switch level, _ := env.Get("TLS_VERIFYPEER"); level {
	case "", "NONE":
	case "PEER":
		args = append(args, "--client-auth=request", "--client-trust="+roots)
	case "REQUIREPEER":
		args = append(args, "--client-auth=require", "--client-trust="+roots)
	default:
		return nil, fmt.Errorf("TLS_VERIFYPEER is %q", level)
	}
	return args, nil
}

// courierIdentity is our certificate and key, which may be in one file.
func courierIdentity(env Environment) []string {
	cert, ok := env.Get("TLS_CERTFILE")
	if !ok {
		return nil
	}
	key, ok := env.Get("TLS_PRIVATE_KEYFILE")
	if !ok {
		key = cert
	}
	return []string{"--cert=" + cert, "--key=" + key}
}

// courierPlace adds where the peer is.
func courierPlace(call *Call, values map[string]string) error {
	remote, given := values["remotefd"]
	host, port := values["host"], values["port"]
	switch {
	case given && host != "":
		return errors.New("-remotefd and -host exclude each other")
	case given:
		fd, err := descriptor(remote)
		if err != nil {
			return err
		}
		if fd <= 2 && call.Plaintext == nil {
			return errors.New("-remotefd of 0, 1 or 2 needs -localfd")
		}
		call.Network = &Pair{fd, fd}
	case host == "" || port == "":
		return errors.New("-remotefd=N is needed, or -host and -port")
	case call.Args[0] == "accept":
		return errors.New("-server is for -remotefd")
	default:
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		call.place = host + ":" + port
	}
	return nil
}
