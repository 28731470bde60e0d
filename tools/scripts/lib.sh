# Sourced by demo, test and bench: where things are, and how they are built.
# shellcheck shell=bash
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$root/build/release

# shellcheck disable=SC2120,SC2119  # options are given by some of those who read this file
# configure [OPTION...]: stops with one line unless the build folder can be written.
configure() {
  if ! mkdir -p "$build" 2> /dev/null || [[ ! -w $build ]]; then
    echo "${0##*/}: $build cannot be written by $(id -un)" >&2
    exit 1
  fi
  local generator=()
  if [[ ! -f $build/CMakeCache.txt ]] && command -v ninja > /dev/null; then generator=(-G Ninja); fi
  local strict=()
  if [[ ${CI:-} == true ]]; then strict=(-DCMAKE_COMPILE_WARNING_AS_ERROR=ON); fi
  cmake -S "$root" -B "$build" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release "${strict[@]}" "$@"
}

# build [TARGET...]: configures if that was never finished, then builds; what is up to date is left alone.
build() {
  [[ -f $build/build.ninja || -f $build/Makefile ]] || configure
  cmake --build "$build" --parallel "$(nproc)" ${1:+--target "$@"}
}
