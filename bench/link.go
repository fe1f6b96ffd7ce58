package bench

import (
	"os/exec"
	"strings"

	"tlsify/bench/line"
)

// Link is what may lie between the contestants and their server.
type Link = line.Link

// lacksNetem says why the kernel cannot make links here, or nothing.
func (r *Rig) lacksNetem() string {
	said, err := exec.Command(r.Self, "link", "--probe").CombinedOutput()
	if err == nil {
		return ""
	}
	if len(said) == 0 {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	return strings.TrimPrefix(lines[len(lines)-1], "tlsify-bench link: ")
}
