#!/bin/sh
# Installs the linkerd command:   curl --proto '=https' -sSfL RELEASES/install | sh
#
#   INSTALLROOT        where to; default $HOME/.linkerd, the command is bin/linkerd in it
#   LINKERD_VERSION    which version; default the newest of the releases (LINKERD2_VERSION works too)
#   LINKERD_RELEASES   where releases are: a URL (https://…, file://…) or a folder; default: where this script is from
#
# Several versions live side by side in INSTALLROOT/bin; the last installed one is linked as "linkerd". Nothing else is changed.
set -eu

releases=${LINKERD_RELEASES:-@RELEASES@}
root=${INSTALLROOT:-${HOME:-}/.linkerd}
version=${LINKERD_VERSION:-${LINKERD2_VERSION:-}}

fail() {
  printf 'linkerd: %s\n' "$*" >&2
  exit 1
}

has() {
  command -v "$1" >/dev/null 2>&1
}

# get PATH-IN-RELEASES FILE
get() {
  case $releases in
    file://*) cp -- "${releases#file://}/$1" "$2" 2>/dev/null ;;
    /*) cp -- "$releases/$1" "$2" 2>/dev/null ;;
    http://* | https://*)
      if has curl; then
        # Redirects must not lead to an open line either.
        curl -sSfL --proto-redir =https --connect-timeout 30 --retry 2 -o "$2" "$releases/$1"
      elif has wget; then
        wget -q -T 30 -O "$2" "$releases/$1"
      else
        fail "Downloading needs curl or wget; install one of them"
      fi ;;
    *) fail "LINKERD_RELEASES is \"$releases\"; use https://…, file://… or a folder" ;;
  esac || fail "Getting $releases/$1 failed"
}

sum() {
  if has sha256sum; then
    sha256sum "$1"
  elif has shasum; then
    shasum -a 256 "$1"
  elif has openssl; then
    openssl dgst -sha256 -r "$1"
  fi | cut -d ' ' -f 1
}

platform() {
  case $(uname -s) in
    Linux) os=linux ;;
    Darwin) os=darwin ;;
    *) fail "There is no build for $(uname -s); use Linux or macOS" ;;
  esac
  case $(uname -m) in
    x86_64 | amd64) arch=amd64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail "There is no build for $(uname -m) processors; use amd64 or arm64" ;;
  esac
  echo "$os-$arch"
}

main() {
  case $releases in @*) fail "Set LINKERD_RELEASES to where the releases are" ;; esac
  releases=${releases%/}
  # The checksums come from the same place as what they are of: on an open line both can be changed.
  case $releases/ in
    http://*@*) secure=no ;;
    http://127.0.0.1/* | http://127.0.0.1:* | http://localhost/* | http://localhost:* | "http://[::1]"[:/]*) secure=yes ;;
    http://*) secure=no ;;
    *) secure=yes ;;
  esac
  [ "$secure" = yes ] || fail "$releases is not encrypted; use https://…"
  case $root in /?*) ;; *) fail "INSTALLROOT is \"$root\"; use an absolute path" ;; esac
  has gzip || fail "Unpacking needs gzip; install it"
  has sha256sum || has shasum || has openssl ||
    fail "Checking the download needs sha256sum, shasum or openssl; install one of them"
  build=$(platform)
  work=$(mktemp -d "${TMPDIR:-/tmp}/linkerd-install.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM

  if [ -z "$version" ]; then
    get latest "$work/latest"
    version=$(cat "$work/latest")
  fi
  case $version in '' | *[!0-9A-Za-z.+-]*) fail "\"$version\" is no version" ;; esac

  name=linkerd-$version-$build.gz
  echo "Downloading $releases/$version/$name"
  get "$version/checksums.txt" "$work/checksums.txt"
  expected=$(awk -v name="$name" '$2 == name { print $1; exit }' "$work/checksums.txt")
  [ -n "$expected" ] || fail "Version $version has no build for $build"
  get "$version/$name" "$work/$name"
  actual=$(sum "$work/$name")
  [ "$actual" = "$expected" ] || fail "The checksum of $name is $actual, not $expected: the download is broken, nothing was installed"

  gzip -dc "$work/$name" >"$work/linkerd"
  chmod 755 "$work/linkerd"
  "$work/linkerd" version --client --short >/dev/null 2>"$work/error" ||
    fail "This machine can't run the build for $build: $(head -n 1 "$work/error")"

  mkdir -p "$root/bin" || fail "$root can't be written; set INSTALLROOT"
  # Renamed into place, so that a linkerd that runs now is not disturbed.
  cp "$work/linkerd" "$root/bin/.linkerd-$$"
  # Whatever the umask: the local cluster's pods run it as other users.
  chmod 755 "$root/bin/.linkerd-$$"
  mv -f "$root/bin/.linkerd-$$" "$root/bin/linkerd-$version"
  ln -sf "linkerd-$version" "$root/bin/linkerd"

  echo "Linkerd $version is installed: $root/bin/linkerd"
  echo
  case ":${PATH:-}:" in
    *":$root/bin:"*) ;;
    *)
      echo "Add it to your path:"
      echo
      echo "  export PATH=\$PATH:$root/bin"
      echo ;;
  esac
  echo "Then see whether your cluster can take it:"
  echo
  echo "  linkerd check --pre                         # can Linkerd be installed?"
  echo "  linkerd install --crds | kubectl apply -f - # the custom resources"
  echo "  linkerd install | kubectl apply -f -        # the control plane"
  echo "  linkerd check                               # does it work?"
}

# Read as a whole before anything runs: a download that breaks off does nothing.
main
