#!/bin/sh
# client.sh HOST:PORT [OPTION...]: what a program does with tlsify, in a shell.
# It asks an HTTP server for a page, prints the answer, and says what went wrong.
address=${1:?HOST:PORT}
shift
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
mkfifo "$dir/in" "$dir/out" "$dir/control" || exit 1

# The plaintext is on 0 and 1, the control channel on 3.
"${TLSIFY:-tlsify}" connect --control-fd 3 "$@" "$address" \
    <"$dir/in" >"$dir/out" 2>/dev/null 3>"$dir/control" &
exec 4>"$dir/in" 5<"$dir/out" 6<"$dir/control"

# A space is %20 there, and % is %25; what a terminal would obey stays %XX.
plain() { printf '%s\n' "$1" | sed 's/%20/ /g; s/%25/%/g'; }

# Before `ready` there is nothing to say to anyone; a bad certificate never gets there.
protocol='' verified='' ready=''
while [ -z "$ready" ] && read -r key value <&6; do
    case $key in
    protocol) protocol=$value ;;
    verified) verified=$value ;;
    error) plain "not connected: ${value#* } (${value%% *})" >&2 ;;
    ready) ready=yes ;;
    end) exit "$value" ;;
    esac
done
[ -n "$ready" ] || { echo "tlsify died" >&2; exit 2; }
plain "connected: $protocol, $verified" >&2

trap '' PIPE # if the stream has ended by now, `cat` and the control channel tell
printf 'GET / HTTP/1.0\r\n\r\n' >&4 2>/dev/null
cat <&5
exec 4>&- # the end of what we say: before the answer many servers take it for our leaving

end=2
while read -r key value <&6; do
    case $key in
    error) plain "it did not end well: ${value#* } (${value%% *})" >&2 ;;
    end) end=$value ;;
    esac
done
exit "$end"
