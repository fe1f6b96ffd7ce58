package bench

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// cpuFlags are the instruction sets that decide how fast ciphers are.
var cpuFlags = []string{"aes", "pclmulqdq", "avx", "avx2", "vaes", "vpclmulqdq", "avx512f", "sha_ni", "asimd", "pmull", "sha2"}

// Machine is what must be known of a machine to make sense of its figures. What
// could not be read is empty.
type Machine struct {
	Kernel   string   `json:"kernel"`
	Arch     string   `json:"arch"`
	CPU      string   `json:"cpu"`
	CPUs     int      `json:"cpus"`
	Flags    []string `json:"flags"`
	Governor string   `json:"governor"`
	Load     float64  `json:"load"` // over the last minute, when the run began
	KTLS     bool     `json:"ktls"` // whether the kernel has TLS of its own, loaded
	Go       string   `json:"go"`
}

// describeMachine reads it from /proc and /sys.
func describeMachine() Machine {
	m := Machine{
		Kernel:   firstLine("/proc/sys/kernel/osrelease"),
		Arch:     runtime.GOARCH,
		CPUs:     runtime.NumCPU(),
		Governor: firstLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
		Load:     load(),
		Go:       runtime.Version(),
	}
	_, err := os.Stat("/proc/net/tls_stat")
	m.KTLS = err == nil
	present := map[string]bool{}
	for key, value := range fields("/proc/cpuinfo") {
		switch key {
		case "model name":
			m.CPU = value
		case "flags", "Features":
			for _, flag := range strings.Fields(value) {
				present[flag] = true
			}
		}
	}
	for _, flag := range cpuFlags {
		if present[flag] {
			m.Flags = append(m.Flags, flag)
		}
	}
	return m
}

// load gives the load average of the last minute.
func load() float64 {
	first, _, _ := strings.Cut(firstLine("/proc/loadavg"), " ")
	value, _ := strconv.ParseFloat(first, 64)
	return value
}

// busyTicks gives the time that all processors together have not idled since
// the start of the machine, in ticks of which clockTicks make a second.
func busyTicks() (ticks int64) {
	words := strings.Fields(firstLine("/proc/stat"))
	for i, word := range words {
		// cpu user nice system idle iowait irq softirq steal guest ...
		// Guest time is in user already; what is stolen is another's.
		if i >= 1 && i <= 7 && i != 4 && i != 5 {
			n, _ := strconv.ParseInt(word, 10, 64)
			ticks += n
		}
	}
	return ticks
}

// clockTicks is USER_HZ, which is 100 in every Linux that a Go program can
// meet.
const clockTicks = 100

func firstLine(path string) string {
	data, _ := os.ReadFile(path)
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSpace(line)
}

// fields reads a file of lines with a key, a colon and a value. Of keys that
// repeat, the last value is kept.
func fields(path string) map[string]string {
	found := map[string]string{}
	f, err := os.Open(path)
	if err != nil {
		return found
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok {
			found[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return found
}
