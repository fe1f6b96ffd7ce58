// Package personality lets tlsify stand in for another program: it translates that
// program's arguments and environment variables into tlsify's arguments.
//
// Each personality is a translation in a file of its own. It translates only what its
// contract names. It refuses an option that has no equivalent, by name, and no option
// makes tlsify check less. The package opens no descriptor, and does not know what tlsify
// does with its arguments.
//
// Start reading at [Translate].
package personality

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// translators are the personalities by name.
var translators = sync.OnceValue(func() map[string]func(args []string, env Environment) (*Call, error) {
	return map[string]func(args []string, env Environment) (*Call, error){
		"openssl":        openssl,
		"ssl_client":     sslClient,
		"s6-tlsc-io":     s6Client,
		"s6-tlsd-io":     s6Server,
		"s6-ucspitlsc":   s6DelayedClient,
		"s6-ucspitlsd":   s6DelayedServer,
		"couriertls":     courier,
		"ggl-tls-helper": greengrass,
	}
})

// Names lists the programs whose place tlsify can take.
func Names() []string {
	var names []string
	for name := range translators() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Advice is how the program of that name is told whom to trust, and of another
// name to accept; empty where it can't be.
func Advice(program string) (trust, name string) {
	switch program {
	case "openssl":
		return "-CAfile FILE", "-verify_hostname"
	case "s6-tlsc-io", "s6-tlsd-io", "s6-ucspitlsc", "s6-ucspitlsd":
		return "the variable CAFILE", ""
	case "couriertls":
		return "the variable TLS_TRUSTCERTS", ""
	case "ggl-tls-helper":
		return "--root-ca", ""
	}
	return "the variable SSL_CERT_FILE", ""
}

// Known tells whether name is one of Names.
func Known(name string) bool { return translators()[name] != nil }

// Translate says what program name, with these arguments, is to do. The error
// is for a person; with one the Call has at most a Tell, which is owed that
// error.
func Translate(name string, args []string, env Environment) (*Call, error) {
	call, err := translators()[name](args, env)
	if err == nil && strings.HasPrefix(call.place, "-") {
		err = fmt.Errorf("%q is no place to connect to", call.place)
	}
	if err != nil {
		return call, fmt.Errorf("as %s: %w", name, err)
	}
	if call.place != "" {
		call.Args = append(call.Args, call.place)
	}
	return call, nil
}

// SetupError is of what stands around a call: the arguments are good.
type SetupError struct{ text string }

func (e *SetupError) Error() string { return e.text }

// Status is the exit status that program has for one of tlsify's, before there
// was a PROG, with the CODE of a failure. Refused tells that it was the arguments
// that were refused.
func Status(program string, status int, code string, refused bool) int {
	switch program {
	case "s6-tlsc-io", "s6-tlsd-io", "s6-ucspitlsc", "s6-ucspitlsd":
		return s6Status(status, code, refused)
	}
	return status
}
