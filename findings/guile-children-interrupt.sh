#!/usr/bin/env bash
# Software: Guile 3.0.8 (Debian 12's guile-3.0 and guile-3.0-libs, 3.0.8-2; needs apt-get, dpkg and
# the libraries of others that these want), and any child, here sleep.
#
# Behaviour: while system* waits for its child, Guile ignores SIGINT and SIGQUIT for itself, as
# system of C does (POSIX), so that Ctrl-C is the child's. But it does so before the child is
# there, and the child, which inherits what is ignored, ignores both as well, where POSIX has it
# get them back: Ctrl-C reaches neither the program nor what it waits for, and only kill
# helps. A shell script among these children can't take it back by trap. From system, and from
# open-pipe*, the same child ends by SIGINT. The manual has system* as system, but without a shell.
#
# Output seen on 2026-11-30:
#   Guile 3.0.8, SIGINT to a child: of system* lives on, of system ends, of open-pipe* ends; SIGTERM, of system*: ends
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
for package in guile-3.0 guile-3.0-libs; do
	apt-get -o APT::Sandbox::User=root download -q "$package=3.0.8-2" >/dev/null
done
for package in *.deb; do dpkg -x "$package" guile; done
cat >main.py <<'END'
import glob, os, signal, subprocess, sys, time

libraries = os.path.abspath(glob.glob("guile/usr/lib/*-linux-gnu")[0])
environment = dict(os.environ, LD_LIBRARY_PATH=libraries, GUILE_AUTO_COMPILE="0", HOME=os.getcwd(),
                   GUILE_LOAD_PATH=os.path.abspath("guile/usr/share/guile/3.0"),
                   GUILE_LOAD_COMPILED_PATH=libraries + "/guile/3.0/ccache")

def child(program, number):
    "Whether the child of the Guile program ends by the signal."
    # What is ignored here would be ignored there: start from the defaults.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    guile = subprocess.Popen([libraries + "/guile/3.0/bin/guile", "-c", program], env=environment, start_new_session=True)
    try:
        of = None
        for _ in range(200):
            if of := open(f"/proc/{guile.pid}/task/{guile.pid}/children").read().split():
                if open(f"/proc/{of[0]}/comm").read() == "sleep\n":
                    break
            time.sleep(0.05)
        os.kill(int(of[0]), number)
        try:
            guile.wait(3) # it ends when its child does
            return "ends"
        except subprocess.TimeoutExpired:
            os.kill(int(of[0]), signal.SIGKILL)
            return "lives on"
    finally:
        guile.kill()
        guile.wait()

star = child('(system* "sleep" "20")', signal.SIGINT)
shell = child('(system "exec sleep 20")', signal.SIGINT)
pipe = child('(use-modules (ice-9 popen)) (close-pipe (open-pipe* OPEN_WRITE "sleep" "20"))', signal.SIGINT)
term = child('(system* "sleep" "20")', signal.SIGTERM)
print(f"Guile 3.0.8, SIGINT to a child: of system* {star}, of system {shell}, of open-pipe* {pipe}; SIGTERM, of system*: {term}")
sys.exit((star, shell, pipe, term) != ("lives on", "ends", "ends", "ends"))
END
timeout 90 python3 main.py
