package personality

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// courier is Courier's couriertls. The network is -remotefd, -host and -port, or
// with -tcpd descriptor 0; the plaintext is -localfd's, a program's, or on 0 and
// 1. A client checks the certificate for -verify, or else -host. Without either,
// by which a mail server encrypts where it can, nothing is verified, which is said;
// with TLS_VERIFYPEER=PEER, which can make it only stricter, the chain alone is.
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
		if !strings.HasPrefix(word, "-") {
			break
		}
	}
	return call, call.courier(args, env)
}

func (call *Call) courier(args []string, env Environment) (err error) {
	values := map[string]string{}
	for i, word := range args {
		name, value, _ := strings.Cut(strings.TrimPrefix(word, "-"), "=")
		if !strings.HasPrefix(word, "-") {
			call.Then = args[i:]
			break
		}
		if !slices.Contains(courierOptions, name) {
			return fmt.Errorf("there is no -%s here", name)
		}
		values[name] = value
	}
	call.UserName = values["user"]
	if value, _ := env.Get("TLS_CIPHER_LIST"); value != "" {
		return errors.New("TLS_CIPHER_LIST is not supported here")
	}
	if value, ok := values["printx509"]; ok {
		fd, err := descriptor(value)
		if err != nil {
			return err
		}
		if call.Tell == nil {
			call.Tell = &Tell{Kind: Ending, FD: -1}
		}
		call.Tell.Info = fd
	}
	if value, ok := values["localfd"]; ok {
		if call.Then != nil {
			return errors.New("-localfd and a program exclude each other")
		}
		fd, err := descriptor(value)
		if err != nil {
			return err
		}
		call.Plaintext = &Pair{fd, fd}
	}
	if _, server := values["server"]; server {
		call.Args, err = courierServer(env)
	} else {
		err = call.courierClient(values, env)
	}
	if err != nil {
		return err
	}
	floor, err := courierFloor(env)
	if err != nil {
		return err
	}
	call.Args = append(call.Args, floor...)
	return courierPlace(call, values)
}

// courierOptions are the options of couriertls.
var courierOptions = []string{"remotefd", "localfd", "statusfd", "printx509", "host", "port", "verify", "server", "tcpd", "user", "protocol"}

// courierFloor is what TLS_PROTOCOL asks for: a floor at ours or below it stands as
// ours.
func courierFloor(env Environment) ([]string, error) {
	value, _ := env.Get("TLS_PROTOCOL")
	switch strings.TrimRight(value, "+") {
	case "", "SSL23", "TLS1", "TLSv1", "TLSv1.1", "TLSv1.2":
		return nil, nil
	case "TLSv1.3":
		return []string{"--min-security=tls13"}, nil
	}
	return nil, fmt.Errorf("TLS_PROTOCOL is %q", value)
}

func (call *Call) courierClient(values map[string]string, env Environment) error {
	call.Args = []string{"connect"}
	level, _ := env.Get("TLS_VERIFYPEER")
	if name := values["verify"]; name != "" {
		call.Args = append(call.Args, "--name="+splitPort(name)) // courieresmtp has addresses in brackets
	} else if values["host"] == "" {
		call.AnyName = true
		switch level {
		case "", "NONE":
			call.Unverified = true
		case "PEER", "REQUIREPEER":
		default:
			return fmt.Errorf("TLS_VERIFYPEER is %q", level)
		}
	}
	if protocol, ok := values["protocol"]; ok {
		call.Args = append(call.Args, "--starttls="+protocol)
	}
	if roots, ok := env.Get("TLS_TRUSTCERTS"); ok {
		call.Args = append(call.Args, "--trust="+roots)
	}
	if !call.Unverified { // nobody unknown gets our certificate
		call.Args = append(call.Args, courierIdentity(env)...)
	}
	return nil
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
	if _, tcpd := values["tcpd"]; tcpd {
		remote, given = "0", true
	}
	host, port := values["host"], values["port"]
	switch {
	case given && host != "":
		return errors.New("-remotefd and -host exclude each other")
	case given:
		fd, err := descriptor(remote)
		if err != nil {
			return err
		}
		if fd <= 2 && call.Plaintext == nil && call.Then == nil {
			return errors.New("-remotefd of 0, 1 or 2, or -tcpd, needs -localfd or a program")
		}
		call.Network = &Pair{fd, fd}
	case host == "" || port == "":
		return errors.New("-remotefd=N is needed, or -host and -port")
	case call.Args[0] == "accept":
		return errors.New("-server is for -remotefd and -tcpd")
	default:
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		call.place = host + ":" + port
	}
	if call.Then != nil {
		call.Args = append(call.Args, "--prog-fds=0,1")
	}
	return nil
}
