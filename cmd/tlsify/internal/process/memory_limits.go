//go:build linux

package process

import (
	"math/bits"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/status"
)

// What the runtime reserves of the address space on a 64-bit processor, of which
// it uses little: of less than this it ends in the middle of something, and has
// often ended before anything of ours runs. Where there is room it reserves more,
// so that 1.2 GB are too few where 1 GB are enough. Measured with Go 1.27; the
// processes of the tests, which are larger, hold it to that.
const (
	leastAddressSpace = 900e6
	mostOfSmall       = 1150e6
	leastOfLarge      = 1450e6
	leastData         = 100e6
)

// EnoughMemory tells, as an error, which limit on this process would end it.
func EnoughMemory() error {
	if bits.UintSize < 64 {
		return nil
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &limit); err == nil &&
		(limit.Cur < leastAddressSpace || limit.Cur >= mostOfSmall && limit.Cur < leastOfLarge) {
		return status.Usagef("the limit of %d MB on the address space (RLIMIT_AS, ulimit -v) is too little for the language's runtime, which uses few of them: it takes %d MB to %d MB, or %d MB and more",
			limit.Cur/1e6, int(leastAddressSpace/1e6), int(mostOfSmall/1e6), int(leastOfLarge/1e6))
	}
	if err := unix.Getrlimit(unix.RLIMIT_DATA, &limit); err == nil && limit.Cur < leastData {
		return status.Usagef("the limit of %d MB on data (RLIMIT_DATA, ulimit -d) is too little for the language's runtime: it takes %d MB", limit.Cur/1e6, int(leastData/1e6))
	}
	return nil
}
