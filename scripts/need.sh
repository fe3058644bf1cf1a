#!/usr/bin/env bash
# Installs the Debian packages of what is missing: need.sh COMMAND=PACKAGE...
# Fails, and says what is missing, where it cannot.
set -euo pipefail

there() {
    case $1 in
        python3-venv) python3 -c 'import ensurepip, venv' ;;
        *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

cannot() {
    echo >&2
    echo "MISSING: ${missing[*]}" >&2
    echo "They come with the Debian packages ${packages[*]}, which could not be installed: $1." >&2
    echo "Install them by hand, then run make again." >&2
    exit 1
}

missing=() packages=()
for need in "$@"; do
    if ! there "${need%%=*}"; then
        missing+=("${need%%=*}")
        packages+=("${need#*=}")
    fi
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || cannot "not root, and there is no sudo"
    as_root=(sudo)
fi
command -v apt-get >/dev/null || cannot "there is no apt-get"
echo "installing ${packages[*]}, for ${missing[*]}"
"${as_root[@]}" apt-get update -q || cannot "apt-get update failed"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${packages[@]}" ||
    cannot "apt-get install failed"
for name in "${missing[@]}"; do
    there "$name" || cannot "$name is still not there after their installation"
done
