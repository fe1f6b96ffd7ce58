package main

import (
	"os"
	"path/filepath"

	"tlsify/cmd/tlsify/internal/caller"
	"tlsify/cmd/tlsify/internal/descriptor"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/personality"
	"tlsify/cmd/tlsify/internal/status"
)

// parseCall makes an invocation of what we were called with: tlsify's own
// arguments or, under the name of a program whose place we take, that one's.
func parseCall(argv []string) (*invocation, error) {
	name := filepath.Base(argv[0])
	if !personality.Known(name) {
		return parse(argv[1:], environment())
	}
	call, err := personality.Translate(name, argv[1:], os.LookupEnv)
	if err != nil {
		err = status.Usagef("%v", err)
	}
	var t *caller.Teller
	if call != nil {
		var tellErr error
		if t, tellErr = caller.NewTeller(call.Tell); err == nil {
			err = tellErr
		}
	}
	var d *caller.Delayed
	if err == nil && call.Prog != nil {
		d, err = caller.NewDelayed(call)
	}
	if err == nil {
		err = caller.Rearrange(call)
	}
	if err != nil {
		// Which descriptor is the network is not known yet: any may be.
		descriptor.Mute([]int{0, 1})
		return &invocation{form: option.Help, tell: t}, err
	}
	args := call.Args
	if call.Prog != nil {
		args = append(append(args, "--"), call.Prog...)
	}
	inv, err := parse(args, environment())
	inv.tell, inv.delayed = t, d
	if inv.policy != nil {
		inv.policy.Advice.Trust, inv.policy.Advice.Name = personality.Advice(name)
	}
	if d != nil {
		inv.progIn, inv.progOut = d.Numbers[1], d.Numbers[2]
	}
	if err == nil && d == nil {
		err = caller.BecomeUser(call.User)
	}
	return inv, err
}
