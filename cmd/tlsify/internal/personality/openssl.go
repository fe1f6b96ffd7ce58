package personality

import "slices"

// openssl is the program of that name, of which s_client is here. Everything
// else is handed on to the next openssl in PATH, but for the question who this
// is, which has an answer without one, too.
func openssl(args []string, _ Environment) (*Call, error) {
	switch {
	case len(args) > 0 && args[0] == "s_client":
		return sClient(args[1:])
	case len(args) > 0 && args[0] == "version":
		return &Call{Args: []string{"version"}, HandOn: args}, nil
	}
	return &Call{HandOn: append([]string{}, args...)}, nil
}

// isBusyBox recognises the call of BusyBox wget, which puts /dev/null on
// descriptor 2 and its own standard error on 3, where the reason of a failure
// would otherwise never be seen.
func isBusyBox(args []string) bool {
	shape := []string{"-quiet", "-connect"}
	return len(args) > 2 && slices.Equal(args[:2], shape)
}
