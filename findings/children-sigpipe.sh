#!/usr/bin/env bash
# Software: PHP 8.2.36 (Debian 12's php8.2-cli and php8.2-common, 8.2.36-1~deb12u1) and Erlang/OTP
# 25 (Debian 12's erlang-base 1:25.2.3+dfsg-1+deb12u4; both need apt-get, dpkg and the libraries of
# others that they want), and any child that writes into a pipe, here bash with yes and head.
#
# Behaviour: both ignore SIGPIPE for themselves, and so do the children that they start (proc_open
# and exec of PHP, open_port of Erlang). A child that writes to a pipe whose reader has gone does
# not end in silence then, as it does from a shell: its write fails, and it complains and ends
# with a status of its own, or does not look and goes on. A shell script among them cannot take
# that back, as a shell does not reset signals that were ignored at its start (POSIX, trap): its
# pipelines end with 1 in place of 141. Python, which ignores SIGPIPE itself, starts its children
# without that.
#
# Output seen on 2026-11-30:
#   yes | head -n 1, status of yes: from a shell 141, Python 141, PHP 8.2.36 1 (with a complaint), Erlang/OTP 25 1 (with a complaint)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
for package in php8.2-cli=8.2.36-1~deb12u1 php8.2-common=8.2.36-1~deb12u1 erlang-base=1:25.2.3+dfsg-1+deb12u4; do
	apt-get -o APT::Sandbox::User=root download -q "$package" >/dev/null
done
for package in *.deb; do dpkg -x "$package" debian; done
export ROOTDIR=$dir/debian/usr/lib/erlang BINDIR=$dir/debian/usr/lib/erlang/erts-13.1.5/bin EMU=beam PROGNAME=erl
cat >child <<'END_SH'
#!/bin/bash
yes 2>complaint | head -n 1 >/dev/null
echo "${PIPESTATUS[0]}$([ ! -s complaint ] || echo " (with a complaint)")"
END_SH
chmod +x child
cat >child.php <<'END_PHP'
<?php
proc_close(proc_open(['./child'], [1 => STDOUT], $pipes));
END_PHP
erlang='Port = open_port({spawn_executable, "./child"}, [{line, 200}]), receive {Port, {data, {eol, Line}}} -> io:put_chars(Line) end, halt().'
shell=$(./child)
php=$(timeout 60 debian/usr/bin/php8.2 -n child.php)
erlang=$(timeout 60 "$BINDIR/erlexec" -boot "$ROOTDIR/bin/start_clean" -noshell -eval "$erlang")
python=$(timeout 60 python3 -c 'import subprocess; subprocess.run(["./child"])')
echo "yes | head -n 1, status of yes: from a shell $shell, Python $python, PHP 8.2.36 $php, Erlang/OTP 25 $erlang"
[ "$shell" = 141 ] && [ "$python" = 141 ] && [ "$php" = "1 (with a complaint)" ] && [ "$erlang" = "1 (with a complaint)" ]
