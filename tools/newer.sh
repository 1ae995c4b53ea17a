#!/usr/bin/env bash
# Runs the unit tests or the demo on a Python that is newer than this Debian's: in a chroot of the next one. Needs root.
#
#   tools/newer.sh 3.14 test [PYTEST OPTIONS...]
#   tools/newer.sh 3.15 demo
#   tools/newer.sh 3.15 run COMMAND [OPTIONS...]    in a copy of the checkout, which has its .venv
#
# NEWER_HOME is where the chroot is kept (.cache/newer). Packages come from the mirror that apt uses here, from `testing`
# and, where that lacks the Python, from `unstable`; pip's index is the one of this machine.
set -euo pipefail
[ $# -gt 1 ] || { sed -n '2,9p' "$0"; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
version=$1
what=$2
shift 2
home=${NEWER_HOME:-$root/.cache/newer}
python=python$version
copy=/srv/checkout-$version
export DEBIAN_FRONTEND=noninteractive

inside() {
    env -u VIRTUAL_ENV -u PIP_FIND_LINKS HOME=/root PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin chroot "$home" "$@"
}

make_chroot() {
    [ ! -e "$home/made" ] || return 0
    echo "making a chroot of the next Debian in $home" >&2
    command -v mmdebstrap >/dev/null || { apt-get update -qq; apt-get install -qq -y --no-install-recommends mmdebstrap >/dev/null; }
    local mirror source
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -1)
    source="deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror"
    mmdebstrap --quiet --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Check-Date "false"' \
        --include=git,make,ca-certificates,bsdextrautils testing "$home" "$source testing main"
    echo "$source unstable main" >"$home/etc/apt/sources.list.d/unstable.list"
    printf 'Package: *\nPin: release a=unstable\nPin-Priority: 100\n' >"$home/etc/apt/preferences.d/unstable"
    inside git config --system --add safe.directory '*'
    touch "$home/made"
}

mounted=()
mount_here() {  # what is mounted here is unmounted at the end
    mountpoint -q "$home$1" || { mount --bind "$1" "$home$1" && mounted+=("$home$1"); }
}

mkdir -p "$home"
make_chroot
trap 'for each in "${mounted[@]}"; do umount "$each" || true; done' EXIT
mount_here /proc
mount_here /dev
for each in /etc/hosts /etc/resolv.conf /etc/pip.conf /etc/ssl/certs/ca-certificates.crt "$HOME/.config/pip/pip.conf"; do
    [ ! -e "$each" ] || install -D -m 644 "$each" "$home${each/#$HOME\//\/root\/}"
done
if ! inside "$python" -c 'import ensurepip' 2>/dev/null; then
    inside apt-get update -qq
    inside env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$python" "$python-venv" >/dev/null
fi
# The files as they are here, committed or not. The environments of an earlier run stay.
mkdir -p "$home$copy"
find "$home$copy" -mindepth 1 -maxdepth 1 ! -name .venv ! -name .cache -exec rm -rf {} +
git -C "$root" ls-files -z --cached --others --exclude-standard | tar -C "$root" --null -T - --ignore-failed-read -cf - | tar -C "$home$copy" -xf -
in_copy() { inside sh -c 'cd "$0" && exec "$@"' "$copy" "$@"; }
in_copy git init -q
in_copy git add -A
in_copy git -c user.name=T -c user.email=t@example.com commit -qm 'As it is'
in_copy "$python" .ci/environments.py dev wheelhouse
case $what in
    test)
        [ $# -gt 0 ] || set -- tests/shared tests/poetry_plugin tests/hatch_plugin
        in_copy .venv/bin/python -m pytest -q -p no:cacheprovider -n 2 --dist worksteal "$@"
        ;;
    demo) in_copy make --no-print-directory demo PYTHON="/usr/bin/$python" ;;
    run) in_copy "$@" ;;
    *) echo "no such command: $what" >&2; exit 2 ;;
esac
