#!/bin/sh
# Makes .venv what the locks say, and is quick when it is that already. `setup.sh run` is enough for the tellwise
# command; `setup.sh dev` adds what tests and checks need.
#
# The stamp in .venv is written last, so an environment without one was never finished and is thrown away. One that was
# made from other locks, in another folder, or by a Python that is gone is thrown away too: nothing stays behind in it
# that the locks no longer name.
#
# Nothing is downloaded but the packages of the locks, each checked by its hash; never a Python.
set -eu
cd "$(dirname "$0")/.."
level=$1
stamp=.venv/.stamp

say() { printf 'tellwise: %s\n' "$1" >&2; }
refuse() { say "$1"; exit 1; }

# --- is there anything to do? ---

locks=$(cat requirements/*.txt .ci/setup.sh | cksum)
locks="$PWD $locks"
project=$(cksum < pyproject.toml)

had_level= had_locks= had_project=
if [ -f $stamp ] && .venv/bin/python -c '' 2>/dev/null; then
    { read -r had_level && read -r had_locks && read -r had_project; } < $stamp || had_level=
fi
[ "$had_locks" = "$locks" ] || had_level=
[ "$had_level" = dev ] && level=dev  # what is there stays
[ "$had_level $had_project" = "$level $project" ] && exit 0

rm -f $stamp
[ -n "$had_level" ] || rm -rf .venv

# --- a Python of 3.11 to 3.13, and who installs ---

# A name on the PATH may be a shim that only prints an error, so each candidate is run.
fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; }
has_pip() { "$1" -m ensurepip --version >/dev/null 2>&1; }

UV_PYTHON_DOWNLOADS=never UV_PYTHON_PREFERENCE=system
export UV_PYTHON_DOWNLOADS UV_PYTHON_PREFERENCE
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH

find_python() {
    if uv --version >/dev/null 2>&1 && python=$(uv python find --system '>=3.11,<3.14' 2>/dev/null) && fits "$python"; then
        with=uv
        return
    fi
    with=pip
    without_pip=
    for python in python3.13 python3.12 python3.11 python3; do
        if fits "$python"; then
            if has_pip "$python"; then return; fi
            without_pip=${without_pip:-$python}
        fi
    done
    [ -z "$without_pip" ] || {
        package=$("$without_pip" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')
        refuse "$without_pip cannot make environments (it has no ensurepip); install it with: sudo apt-get install $package"
    }
    refuse "no Python 3.11, 3.12 or 3.13 here; install one with: sudo apt-get install python3 python3-venv"
}

find_python

# An environment that is kept goes on with the installer that made it: uv makes them without pip.
if [ -n "$had_level" ] && ! .venv/bin/python -m pip --version >/dev/null 2>&1 && [ $with = pip ]; then
    rm -rf .venv
    had_level=
fi

# --- install ---

install() {
    if [ $with = uv ]; then
        uv pip install --quiet --python .venv/bin/python "$@"
    else
        .venv/bin/python -m pip --quiet --disable-pip-version-check --no-input install "$@"
    fi || refuse "packages could not be installed, for the reason above; when it is gone, run the same command again"
}

if [ -z "$had_level" ]; then
    say "setting up .venv with $with (once, about a minute)"
    if [ $with = uv ]; then
        uv venv --quiet --python "$python" .venv
    else
        "$python" -m venv .venv
    fi || refuse "no environment could be made in .venv, for the reason above"
fi
case "$had_level/$level" in
    /run) install --require-hashes -r requirements/run.txt -r requirements/build.txt ;;
    /dev | run/dev) install --require-hashes -r requirements/dev.txt ;;
esac
install --no-deps --no-build-isolation --editable .

printf '%s\n' "$level" "$locks" "$project" > $stamp.new
mv $stamp.new $stamp
