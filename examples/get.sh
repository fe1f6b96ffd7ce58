#!/bin/sh
# get.sh HOST:PORT PATH [OPTION...]: fetch a page over TLS, in a shell that has none.
address=${1:?HOST:PORT} path=${2:?PATH}
shift 2
exec "${TLSIFY:-tlsify}" connect "$@" "$address" -- sh -c '
    printf "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" "$1" "${2%:*}" >&7
    read -r version status text <&6
    while read -r header <&6 && [ "$header" != "$(printf "\r")" ]; do :; done
    [ "$status" = 200 ] || { echo "get.sh: $status $text" >&2; exit 1; }
    cat <&6' get "$path" "$address"
