#!/usr/bin/env bash
# Runs publish-all on CPython for Windows, under wine. Needs Debian, and root the first time (to install wine).
#
#   tools/windows.sh test [PYTEST OPTIONS...]   the unit tests, in a clone (with what is not committed)
#   tools/windows.sh publish-all [OPTIONS...]   in the current folder, which is below Z:\ there
#   tools/windows.sh python [OPTIONS...]
#
# VERSION is the Python (3.11); WINDOWS_HOME is where it is kept (.cache/windows).
# Python's DLL and OpenSSL come from the wheel of panda3d, its library from a Python of the same version for Linux; git is
# the host's. So there are no symbolic links (they are refused as without developer mode), no console, and no autocrlf.
set -euo pipefail
[ $# -gt 0 ] || { sed -n '2,11p' "$0"; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
version=${VERSION:-3.11}
digits=${version/./}
home=${WINDOWS_HOME:-$root/.cache/windows}/$version
export WINEPREFIX=$home/wine WINEARCH=win64 WINEDEBUG=-all
windows=$home/python
site=$windows/Lib/site-packages
system=$WINEPREFIX/drive_c/windows/system32
mkdir -p "$home"

compile() { x86_64-w64-mingw32-gcc -O2 -municode -mconsole "$@"; }

make_python() {
    [ ! -e "$home/made" ] || return 0
    echo "making Python $version for Windows in $home" >&2
    if ! { command -v wine && command -v x86_64-w64-mingw32-gcc && command -v unzip; } >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends wine wine64 gcc-mingw-w64-x86-64 unzip >/dev/null
    fi
    rm -rf "$windows" "$WINEPREFIX"
    mkdir -p "$windows/DLLs" "$windows/Lib/venv/scripts/nt"
    "$root/.venv/bin/python" -m pip download --quiet --no-deps --only-binary :all: --platform win_amd64 \
        --python-version "$version" --dest "$home" panda3d 2>"$home/pip.log" || { cat "$home/pip.log" >&2; exit 1; }
    unzip -qjo "$home"/panda3d-*.whl 'deploy_libs/*' -d "$windows/DLLs"
    rm -f "$home"/panda3d-*.whl "$windows"/DLLs/{_tkinter,_msi,_wmi,winsound}.pyd "$windows"/DLLs/*t-win_amd64.pyd
    mv "$windows/DLLs/python$digits.dll" "$windows"/DLLs/VCRUNTIME140*.dll "$windows"
    library=$("$root/.venv/bin/uv" python find --no-project "$version")
    library=$("$library" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
    tar -C "$library" --exclude={lib-dynload,site-packages,dist-packages,test,__pycache__,idlelib,tkinter} -cf - . \
        | tar -C "$windows/Lib" -xf -
    # The importer that is frozen in the DLL may be of another patch version, which calls this as a class method.
    sed -i -z 's/\(\n    @classmethod\)\?\n    def invalidate_caches(cls)/\n    @classmethod\n    def invalidate_caches(cls)/' \
        "$windows/Lib/importlib/metadata/__init__.py"
    compile -DLIBRARY="L\"python$digits.dll\"" "$here/windows/python.c" -o "$windows/python.exe"
    compile -DGIT_ON_HOST="\"$here/windows/git_on_host.py\"" "$here/windows/git.c" -o "$windows/git.exe"
    cp "$windows/python.exe" "$windows/Lib/venv/scripts/nt/python.exe"
    # python3.dll, of which extension modules for all versions take their names, is a list of those of the other DLL.
    { echo EXPORTS; x86_64-w64-mingw32-objdump -p "$windows/python$digits.dll" | grep -oE '\b_?Py\w+$' | sort -u \
        | sed "s/.*/& = python$digits.&/"; } >"$home/python3.def"
    echo 'int DllMainCRTStartup(void *module, unsigned reason, void *reserved) { return 1; }' >"$home/python3.c"
    x86_64-w64-mingw32-gcc -shared -nostdlib "$home/python3.c" "$home/python3.def" -o "$windows/python3.dll"
    env -u DISPLAY WINEDLLOVERRIDES='mscoree,mshtml=' wineboot --init >/dev/null 2>&1 </dev/null
    compile "$here/windows/where.c" -o "$home/where.exe" && mv -f "$home/where.exe" "$system"
    # Extension modules in Rust ask it for random numbers; wine has it from version 9 on.
    cat >"$home/random.c" <<'END'
#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE *to, SIZE_T size) { return RtlGenRandom(to, size); }
END
    [ -e "$system/bcryptprimitives.dll" ] || x86_64-w64-mingw32-gcc -shared "$home/random.c" -o "$system/bcryptprimitives.dll" -ladvapi32
    cp "$here/windows/sitecustomize.py" "$windows/Lib/"
    touch "$home/made"
}

install() {
    local stamp
    stamp=$(cat "$root/.cache/wheelhouse/.made-from" "$root/.ci/locks/dev.txt" | sha256sum)
    [ "$(cat "$home/installed" 2>/dev/null)" != "$stamp" ] || return 0
    sed -E '/^(readme-renderer|comrak|twine)==/d' "$root/.ci/locks/dev.txt" >"$home/lock.txt"  # of Linux: see `[cli]`
    local options=(--quiet --target "$site" --python-platform x86_64-pc-windows-msvc --python-version "$version"
        --python "$root/.venv/bin/python" --only-binary :all: --find-links "$root/.cache/wheelhouse" -c "$home/lock.txt")
    "$root/.venv/bin/uv" pip install "${options[@]}" 'publish-all[cli,serve,attestations,fast]' {poetry,hatch}-publish-all check-wheel-contents cryptography \
        hypothesis jsonschema pytest pytest-{socket,timeout,xdist} tomli twine pip flit-core pdm-backend 'setuptools>=77' uv-build
    "$root/.venv/bin/uv" pip install "${options[@]}" --no-deps --reinstall publish-all poetry-publish-all hatch-publish-all
    mkdir -p "$windows/Scripts" && cp "$site"/bin/*.exe "$windows/Scripts"
    echo "$stamp" >"$home/installed"
}

# Through a pipe: this Python cannot start where standard output is a file.
run() {
    env -u DISPLAY -u TERM -u PYTHONPATH -u VIRTUAL_ENV -u PIP_FIND_LINKS WINEPATH="Z:$windows" WINEDLLOVERRIDES=where.exe=n SSL_CERT_FILE='Z:\etc\ssl\certs\ca-certificates.crt' \
        wine "$windows/python.exe" "$@" </dev/null 2>&1 | sed -u 's/\r$//'
}

(cd "$root" && "${PYTHON:-$(.ci/find-python)}" .ci/environments.py dev wheelhouse >&2)
make_python
install
what=$1
shift
case $what in
    python) run "$@" ;;
    publish-all) run -m publish_all "$@" ;;
    test)
        rm -rf "$home/clone"
        git clone -q "$root" "$home/clone"
        git -C "$root" diff HEAD | git -C "$home/clone" apply --allow-empty
        cd "$home/clone"
        [ $# -gt 0 ] || set -- tests/shared tests/poetry_plugin tests/hatch_plugin
        run -m pytest -q -p no:cacheprovider -n 2 --dist worksteal --tb=short "$@"
        ;;
    *) echo "no such command: $what" >&2; exit 2 ;;
esac
