#!/bin/sh
# known-hosts.sh HOST:PORT [OPTION...]: like tlsify connect, but a server that the
# roots do not vouch for can be trusted by its key from the first use on, as ssh
# has it. KNOWN_HOSTS has a line `HOST:PORT PIN` each; the terminal is asked.
tlsify=${TLSIFY:-tlsify} known=${KNOWN_HOSTS:-$HOME/.tlsify_known_hosts} address=${1:?HOST:PORT}
shift
touch "$known" || exit 1
while read -r host pin <&4; do
    [ "$host" != "$address" ] || exec "$tlsify" connect --trust none --pin "$pin" "$@" "$address"
done 4<"$known"

report=$("$tlsify" connect --control-fd 3 "$@" "$address" 3>&1 </dev/null >/dev/null 2>&1)
pin= reasons=
while read -r keyword value rest <&4; do
    case $keyword in
    peer-pin) pin=$value ;;
    error) reasons="$reasons; $rest ($value)" ;;
    end) [ "$value" = 5 ] || exec "$tlsify" connect "$@" "$address" ;;
    esac
done 4<<END
$report
END
[ -n "$pin" ] || exec "$tlsify" connect "$@" "$address" # which says why
tty=${TTY:-/dev/tty}
printf '%s is not trusted%s.\nIts key is %s.\nTrust it from now on? ' "$address" "$reasons" "$pin" >>"$tty"
read -r answer <"$tty"
[ "$answer" = yes ] || exit 5
echo "$address $pin" >>"$known"
exec "$tlsify" connect --trust none --pin "$pin" "$@" "$address"
