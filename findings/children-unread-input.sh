#!/usr/bin/env bash
# Software: GLib 2.74.6 (Debian 12's libglib2.0-0 and libglib2.0-dev, 2.74.6-2+deb12u9), IPC::Run
# 20220807 (libipc-run-perl 20220807.0-1) and Erlang/OTP 25 (erlang-base 1:25.2.3+dfsg-1+deb12u4;
# all need apt-get, dpkg and the libraries of others that they want, GLib a C compiler, and IPC::Run
# perl), and any child that ends before it has read its input, here sh, beside Python.
#
# Behaviour: a child that refuses its work reads none of it, says why and ends with a status. Where
# the caller's part is done by the function that is there for it, and the input is larger than a
# pipe, the caller does not hear of that: g_subprocess_communicate() and run() of IPC::Run have the
# caller's own program killed by SIGPIPE, without a word; a port of Erlang's that was opened with
# exit_status ends with epipe, and the status never comes. With a small input all of them report it.
# Python's subprocess.run() goes on to the output and the status. The documentation of GLib's and
# Erlang's functions says nothing of it; that of IPC::Run speaks of SIGPIPE where the child's input
# was closed by the caller. Where SIGPIPE is ignored GLib's function fails with "Broken pipe", without
# the output, and the status is there when it is asked for; run() dies, without both, and with all
# of the input that it had not yet written in its message.
#
# Output seen on 2026-11-30:
#   a child says why and ends with 5, of 100 bytes of input and of a million: GLib 2.74.6 5 why, killed by signal 13; IPC::Run 20220807.0 5 why, killed by signal 13; Erlang/OTP 25 5 why, epipe why; Python 5 why, 5 why; SIGPIPE ignored, of a million: GLib 5 Broken pipe, IPC::Run dies with a message of more than 900000 bytes
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
for package in libglib2.0-0=2.74.6-2+deb12u9 libglib2.0-dev=2.74.6-2+deb12u9 libipc-run-perl=20220807.0-1 \
	erlang-base=1:25.2.3+dfsg-1+deb12u4; do
	apt-get -o APT::Sandbox::User=root download -q "$package" >/dev/null
done
for package in *.deb; do dpkg -x "$package" debian; done
libraries=$(echo "$dir"/debian/usr/lib/*-linux-gnu)
cat >child <<'END_SH'
#!/bin/sh
sleep 0.5
echo why
exit 5
END_SH
chmod +x child
cat >main.c <<'END_C'
#include <gio/gio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	GBytes *input = g_bytes_new_take(g_malloc0(atoi(argv[1])), atoi(argv[1])), *output = NULL;
	GError *error = NULL;
	GSubprocess *child = g_subprocess_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, "./child", NULL);
	gboolean done = g_subprocess_communicate(child, input, NULL, &output, NULL, &error);
	g_subprocess_wait(child, NULL, NULL);
	g_print("%d ", g_subprocess_get_exit_status(child));
	if (done)
		g_print("%.*s\n", (int)g_bytes_get_size(output) - 1, (char *)g_bytes_get_data(output, NULL));
	else
		g_print("%s\n", error->code == G_IO_ERROR_BROKEN_PIPE ? "Broken pipe" : error->message);
	return 0;
}
END_C
cc -I"$dir/debian/usr/include/glib-2.0" -I"$libraries/glib-2.0/include" -o glib main.c -L"$libraries" \
	-Wl,--allow-shlib-undefined -lgio-2.0 -lgobject-2.0 -lglib-2.0
cat >ipc.pl <<'END_PL'
use IPC::Run qw(run);

my ($input, $output) = ('x' x $ARGV[0]);
run ['./child'], \$input, \$output;
print $? >> 8, " $output";
END_PL
cat >port.escript <<'END_ERL'
#!/usr/bin/env escript
main([Bytes]) ->
	process_flag(trap_exit, true),
	Port = open_port({spawn_executable, "./child"}, [exit_status, binary]),
	port_command(Port, binary:copy(<<"x">>, list_to_integer(Bytes))),
	hear(Port, "").

hear(Port, Output) ->
	receive
		{Port, {data, Some}} -> hear(Port, Some);
		{Port, {exit_status, Status}} -> io:format("~p ~s", [Status, Output]);
		{'EXIT', Port, Reason} -> io:format("~p ~s", [Reason, Output])
	after 5000 -> io:format("nothing ~s", [Output])
	end.
END_ERL
cat >run.py <<'END_PY'
import subprocess, sys

child = subprocess.run(["./child"], input=b"x" * int(sys.argv[1]), stdout=subprocess.PIPE)
print(child.returncode, child.stdout.decode().strip())
END_PY
export ROOTDIR=$dir/debian/usr/lib/erlang BINDIR=$dir/debian/usr/lib/erlang/erts-13.1.5/bin EMU=beam PROGNAME=erl
# What a program prints when it is started with so many bytes of input, or what killed it.
seen() {
	local bytes=$1 line status=0
	shift
	line=$(timeout 60 "$@" "$bytes" 2>/dev/null) || status=$?
	[ "$status" -lt 128 ] && echo "$line" || echo "killed by signal $((status - 128))"
}
both() { echo "$(seen 100 "$@"), $(seen 1000000 "$@")"; }
export LD_LIBRARY_PATH=$libraries
glib=$(both ./glib)
glib_ignored=$(trap '' PIPE && seen 1000000 ./glib)
unset LD_LIBRARY_PATH
ipc=$(both perl -Idebian/usr/share/perl5 ipc.pl)
(trap '' PIPE && ! timeout 60 perl -Idebian/usr/share/perl5 ipc.pl 1000000 >said 2>complaint)
ipc_ignored="dies with a message of $(if [ ! -s said ] && [ "$(wc -c <complaint)" -gt 900000 ]; then echo more than 900000 bytes; else wc -c <complaint; fi)"
erlang=$(both "$BINDIR/erlexec" -boot "$ROOTDIR/bin/start_clean" -noshell -run escript start -extra port.escript)
python=$(both python3 run.py)
echo "a child says why and ends with 5, of 100 bytes of input and of a million: GLib 2.74.6 $glib; IPC::Run 20220807.0 $ipc; Erlang/OTP 25 $erlang; Python $python; SIGPIPE ignored, of a million: GLib $glib_ignored, IPC::Run $ipc_ignored"
[ "$glib" = "5 why, killed by signal 13" ] && [ "$ipc" = "5 why, killed by signal 13" ]
[ "$erlang" = "5 why, epipe why" ] && [ "$python" = "5 why, 5 why" ]
[ "$glib_ignored" = "5 Broken pipe" ] && [ "$ipc_ignored" = "dies with a message of more than 900000 bytes" ]
