//go:build !(linux && (amd64 || arm64))

package process

import (
	"errors"
	"syscall"
)

func ringAt([]syscall.Signal) (func() syscall.Signal, error) { return nil, errors.ErrUnsupported }
