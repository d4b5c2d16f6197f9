#!/bin/sh
# Brings what pip cannot: Debian's Orthanc, and Chromium for the browser tests. Installs nothing that is there already.
# The orthanc package may start a system service of its own on ports 8042 and 4242: it is neither used nor stopped.
set -u

have_orthanc() {
    [ -n "${ORTHANC_URL:-}" ] || [ -n "${ORTHANC_EXECUTABLE:-}" ] || command -v Orthanc >/dev/null 2>&1 || [ -x /usr/sbin/Orthanc ]
}
have_chromium() {
    command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1
}
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null 2>&1; then sudo "$@"; else return 1; fi
}
apt_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update >/dev/null 2>&1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "$@" >/dev/null
}

if ! have_orthanc; then
    echo "Installing Debian's orthanc ..."
    if ! apt_install orthanc || ! have_orthanc; then
        cat >&2 <<'MESSAGE'
Orthanc is missing and could not be installed with apt-get. Do one of these and start again:
  ORTHANC_EXECUTABLE=/path/to/Orthanc make ...    use an Orthanc that you installed yourself
  ORTHANC_URL=http://host:8042 make ...           use a running server (with ORTHANC_USERNAME, ORTHANC_PASSWORD)
MESSAGE
        exit 1
    fi
fi

if ! have_chromium; then
    echo "Installing Debian's chromium for the browser tests ..."
    apt_install chromium || echo "Chromium could not be installed: the browser tests will be skipped." >&2
fi
exit 0
