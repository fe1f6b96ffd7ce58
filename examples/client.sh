#!/bin/sh
# client.sh HOST:PORT [OPTION...]: what a program does with tlsify, in a shell.
# It sends a line, ends its half, prints the answer, and says what went wrong.
address=$1
shift
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
mkfifo "$dir/in" "$dir/out" "$dir/control" || exit 1

# The plaintext is on 0 and 1, the control channel on 3.
"${TLSIFY:-tlsify}" connect --control-fd 3 "$@" "$address" \
    <"$dir/in" >"$dir/out" 2>/dev/null 3>"$dir/control" &
exec 4>"$dir/in" 5<"$dir/out" 6<"$dir/control"

# Before `ready` there is nothing to say to anyone; a bad certificate never gets there.
protocol='' verified='' ready=''
while [ -z "$ready" ] && read -r key value <&6; do
    case $key in
    protocol) protocol=$value ;;
    verified) verified=$value ;;
    error) echo "not connected: ${value#* } (${value%% *})" >&2 ;;
    ready) ready=yes ;;
    end) exit "$value" ;;
    esac
done
[ -n "$ready" ] || { echo "tlsify died" >&2; exit 2; }
echo "connected: $protocol, $verified" >&2

trap '' PIPE # if the stream has ended by now, `cat` and the control channel tell
echo "hello from a shell" >&4 2>/dev/null
exec 4>&- # the end of what we say: the server sees it, and can still answer
cat <&5

status=2
while read -r key value <&6; do
    case $key in
    error) echo "it did not end well: ${value#* } (${value%% *})" >&2 ;;
    end) status=$value ;;
    esac
done
exit "$status"
