#!/usr/bin/env bash
# Software: Node.js 26.10.0, from npm's package node (needs npm), on Linux, and any child that
# opens a descriptor by its path, here sh and openssl.
#
# Behaviour: what child_process calls a pipe is one end of a pair of Unix sockets. The child
# reads and writes it as it would a pipe; but a socket can't be opened, and so /dev/stdin,
# /dev/stdout, /dev/stderr and /dev/fd/N fail with ENXIO, "No such device or address". A script
# that complains with echo ... >/dev/stderr fails at that line, and a program that is told to
# read its key from /dev/stdin or /dev/fd/3, to keep it off the disk, finds none. From a shell,
# which makes pipes, the same commands are good. The documentation of child_process says
# "Create a pipe between the child process and the parent process".
#
# Output seen on 2026-11-30:
#   v26.10.0: by spawn: echo >/dev/stderr fails, echo >&2 good, key from /dev/stdin fails, key from /dev/fd/3 fails; by a shell's pipes: good, good, good, good
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null 2>&1
npm install --silent --no-audit --no-fund node@26.10.0 >/dev/null
openssl genpkey -algorithm ed25519 -out key.pem
cat >main.js <<'END'
const { spawn } = require("child_process"), fs = require("fs");
const key = fs.readFileSync("key.pem");
function run(args) {
	return new Promise((resolve) => {
		const child = spawn(args[0], args.slice(1), { stdio: ["pipe", "pipe", "pipe", "pipe"], timeout: 20000 });
		for (const input of [child.stdio[0], child.stdio[3]]) {
			input.on("error", () => {}); // of a child that has ended before it has read
			input.end(key);
		}
		child.stdout.resume();
		child.stderr.resume();
		child.on("close", (status) => resolve(status === 0 ? "good" : "fails"));
	});
}
(async () => {
	for (const command of process.argv.slice(2)) console.log(await run(["sh", "-c", command]));
})();
END
commands=("echo x >/dev/stderr" "echo x >&2" "openssl pkey -in /dev/stdin -noout" "openssl pkey -in /dev/fd/3 -noout")
mapfile -t node < <(timeout 120 node_modules/.bin/node main.js "${commands[@]}")
shell=()
for command in "${commands[@]}"; do
	if sh -c "$command" < <(cat key.pem) 3< <(cat key.pem) 2> >(cat >/dev/null); then shell+=(good); else shell+=(fails); fi
done
echo "$(node_modules/.bin/node --version): by spawn: echo >/dev/stderr ${node[0]}, echo >&2 ${node[1]}, key from /dev/stdin ${node[2]}, key from /dev/fd/3 ${node[3]}; by a shell's pipes: ${shell[0]}, ${shell[1]}, ${shell[2]}, ${shell[3]}"
[ "${node[*]}" = "fails good fails fails" ] && [ "${shell[*]}" = "good good good good" ]
