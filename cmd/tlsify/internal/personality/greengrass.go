package personality

import (
	"errors"
	"fmt"
	"strings"
)

// greengrass is the TLS helper of AWS Greengrass Lite, `ggl-tls-helper`: the
// plaintext is a socket that goes to the caller over its control socket, which
// is descriptor 3.
func greengrass(args []string, env Environment) (*Call, error) {
	values := map[string]string{}
	for len(args) > 0 {
		name, value, joined := strings.Cut(args[0], "=")
		args = args[1:]
		switch {
		case name != "--endpoint" && name != "--private-key" && name != "--certificate" && name != "--root-ca":
			return nil, fmt.Errorf("there is no %s here", name)
		case !joined && len(args) == 0:
			return nil, fmt.Errorf("%s needs a value", name)
		case !joined:
			value, args = args[0], args[1:]
		}
		values[name] = value
	}
	for _, name := range []string{"--endpoint", "--private-key", "--certificate", "--root-ca"} {
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
	endpoint := values["--endpoint"]
	if !strings.Contains(endpoint, ":") {
		endpoint += ":443"
	}
	return &Call{
		Args: []string{"connect", "--cert=" + values["--certificate"], "--key=" + values["--private-key"],
			"--trust=" + values["--root-ca"]},
		place: endpoint,
		Tell:  &Tell{Kind: Handover, FD: 3},
	}, nil
}
