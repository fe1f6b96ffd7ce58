#!/usr/bin/env bash
# Software: PHP 8.2.36 (Debian 12's php8.2-cli and php8.2-common, 8.2.36-1~deb12u1; needs apt-get,
# dpkg and the libraries of others that these want), on Linux, and any child, here sleep, beside
# Python.
#
# Behaviour: what PHP opens is not closed on exec: each child (proc_open, exec) has
# every listener, connection, socket pair and file that the program has open at that moment. So
# fclose() of a connection does not end it as long as a child lives that was started for
# something else: the peer waits for the end until that child has ended, and where that waits
# for the peer, for ever. A server that is started again while a child of the old one lives
# cannot have its port. proc_open's documentation speaks of the descriptors that it is given,
# and not of these. Python's children have what they were given and nothing else.
#
# Output seen on 2026-11-30:
#   sockets that a child has: PHP 8.2.36 proc_open 3, exec 3, Python 0; the peer sees the end of a closed connection: PHP 8.2.36 after 3 s, with the child, Python at once
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
for package in php8.2-cli php8.2-common; do
	apt-get -o APT::Sandbox::User=root download -q "$package=8.2.36-1~deb12u1" >/dev/null
done
for package in *.deb; do dpkg -x "$package" php; done
cat >count <<'END'
#!/bin/sh
# How many of the descriptors behind 2 are sockets.
n=0
for fd in /proc/$$/fd/*; do
	case ${fd##*/}-$(readlink "$fd") in [012]-*) ;; *-socket:*) n=$((n + 1)) ;; esac
done
echo "$n"
END
chmod +x count
cat >main.php <<'END'
<?php
$listening = stream_socket_server("tcp://127.0.0.1:0");
$peer = stream_socket_client("tcp://" . stream_socket_get_name($listening, false));
$connection = stream_socket_accept($listening);
$counting = proc_open(["./count"], [1 => ["pipe", "w"]], $pipes);
echo trim(stream_get_contents($pipes[1])), " ", exec("./count");
$child = proc_open(["sleep", "3"], [["file", "/dev/null", "r"], ["file", "/dev/null", "w"], ["file", "/dev/null", "w"]], $none);
stream_set_timeout($peer, 20);
$start = microtime(true);
fclose($connection);
fread($peer, 1);
printf(" %d %s\n", round(microtime(true) - $start), feof($peer) ? "end" : "nothing");
END
cat >main.py <<'END'
import socket, subprocess, time

listening = socket.create_server(("127.0.0.1", 0))
peer = socket.create_connection(listening.getsockname(), timeout=20)
connection, _ = listening.accept()
print(subprocess.run(["./count"], stdout=subprocess.PIPE, text=True).stdout.strip(), end="")
child = subprocess.Popen(["sleep", "3"])
start = time.monotonic()
connection.close()
end = peer.recv(1)
print(f" {round(time.monotonic() - start)} {'nothing' if end else 'end'}")
child.kill()
child.wait()
END
read -r by_proc_open by_exec php_after php_end < <(timeout 40 php/usr/bin/php8.2 -n main.php)
read -r by_python python_after python_end < <(timeout 40 python3 main.py)
echo "sockets that a child has: PHP 8.2.36 proc_open $by_proc_open, exec $by_exec, Python $by_python; the peer sees the end of a closed connection: PHP 8.2.36 after $php_after s, with the child, Python $([ "$python_after" = 0 ] && echo at once || echo "after $python_after s")"
[ "$by_proc_open $by_exec $php_after $php_end" = "3 3 3 end" ] && [ "$by_python $python_after $python_end" = "0 0 end" ]
