package status

import (
	"fmt"
	"net"
	"os"
	"time"
)

// logSockets are where a system's log listens, as in package log/syslog, which
// waits for a reader that stands still.
var logSockets = []string{"/dev/log", "/var/run/syslog", "/var/run/log"}

// writeLog writes a line to the system's log (RFC 3164), where there is one. A
// process that is confined has no way to it any more.
func writeLog(line string) {
	const daemonError = 3<<3 | 3
	for _, path := range logSockets {
		conn, err := net.DialTimeout("unixgram", path, patience)
		if err != nil {
			continue
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		fmt.Fprintf(conn, "<%d>%s tlsify[%d]: %s", daemonError, time.Now().Format(time.Stamp), os.Getpid(), printable(line))
		return
	}
}
