package personality

import (
	"errors"
	"fmt"
	"strings"
)

// greengrass is the TLS helper of AWS Greengrass Lite, `ggl-tls-helper`: the
// plaintext is a socket that goes to the caller over its control socket, which
// is descriptor 3. By its specification it is told an --endpoint, and dials; its
// caller gives it a --hostname, and the connection on descriptor 4. A device's
// certificate is sent under TLS 1.2, too, where it is seen on the way: its
// contract has no other way to be known by a server.
func greengrass(args []string, env Environment) (*Call, error) {
	values := map[string]string{}
	for len(args) > 0 {
		name, value, joined := strings.Cut(args[0], "=")
		args = args[1:]
		switch {
		case name != "--endpoint" && name != "--hostname" && name != "--private-key" && name != "--certificate" && name != "--root-ca":
			return nil, fmt.Errorf("there is no %s here", name)
		case !joined && len(args) == 0:
			return nil, fmt.Errorf("%s needs a value", name)
		case !joined:
			value, args = args[0], args[1:]
		}
		values[name] = value
	}
	for _, name := range []string{"--private-key", "--certificate", "--root-ca"} {
		if values[name] == "" {
			return nil, fmt.Errorf("%s is needed", name)
		}
	}
	// A proxy that is set and not used would be gone round.
	for _, name := range []string{"ALL_PROXY", "HTTPS_PROXY"} {
		if value, _ := env.Get(name); value != "" {
			return nil, errors.New(name + " is not supported here")
		}
	}
	call := &Call{
		Args: []string{"connect", "--cert=" + values["--certificate"], "--key=" + values["--private-key"],
			"--client-cert-in-clear", "--trust=" + values["--root-ca"]},
		Tell: &Tell{Kind: Handover, FD: 3},
	}
	endpoint, host := values["--endpoint"], values["--hostname"]
	switch {
	case (endpoint == "") == (host == ""):
		return nil, errors.New("--endpoint is needed, or --hostname with a connection on descriptor 4")
	case host != "":
		call.Args, call.Network = append(call.Args, "--name="+host), &Pair{4, 4}
		return call, nil
	}
	call.place = withPort(endpoint, "443")
	return call, nil
}
