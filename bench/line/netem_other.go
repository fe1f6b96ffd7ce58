//go:build !linux

package line

import (
	"errors"
	"net"
)

// Listen is for Linux, whose kernel has netem.
func (l Link) Listen() (net.Listener, error) { return nil, errors.New("netem needs Linux") }
