# Downloads Debian packages with apt and unpacks them into the cache, without installing them. Sourced by `prepare` and
# by scripts of the repository. The caller defines `cache`, an existing directory, and the functions `say` and `die`.

# key_of TEXT FILE…: prints a hash of these inputs.
key_of() {
  local text=$1
  shift
  { printf '%s\n' "$text" && cat "$@"; } | sha256sum | cut -c 1-16
}

# Prints the Debian release, which is part of each key.
release_name() { (. /etc/os-release && printf '%s\n' "$ID$VERSION_ID"); }

# locked FUNCTION RESULT: makes RESULT, unless another run has made it while this run waited for the lock. The
# incomplete result of a killed run does not have its final name yet, and is made again.
locked() {
  (
    flock -n 9 || {
      say "waiting for another run, which is preparing $cache"
      flock 9
    }
    [ -e "$2" ] || "$1"
    find "$cache" -maxdepth 1 -name '*-????????????????' -mtime +30 -exec rm -rf {} +
  ) 9>"$cache/lock"
}

# begin_downloads DIRECTORY [ARCHITECTURE]: sets the directory and the architecture (default: this machine's) of the
# following downloads. Each architecture has a separate directory, because a damaged package list would affect the
# others.
begin_downloads() {
  downloads=$1 downloads_architecture=${2:-}
  mkdir -p "$downloads/state/lists/partial" "$downloads/cache/archives/partial"
  : >"$downloads/status"
  say "fetching package lists${2:+ of $2}"
  fetch update
}

# Runs apt with separate state: an empty status file, so that it fetches all dependencies of a package, also those that
# this machine has installed, and directories that any user can write. Sources and keys are the system's. The process
# ends together with this script.
apt() {
  local command=$1 architecture=${downloads_architecture:-$(dpkg --print-architecture)}
  shift
  setpriv --pdeathsig KILL "$command" -o Dir::State="$downloads/state" -o Dir::State::status="$downloads/status" \
    -o Dir::Cache="$downloads/cache" -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
    -o APT::Architecture="$architecture" -o APT::Architectures::="$architecture" "$@"
}

# Shows apt's progress (read from its status descriptor): in place on a terminal, else a line for each quarter.
show_percent() {
  local kind percent shown=-1
  while IFS=: read -r kind _ percent _; do
    [ "$kind" = dlstatus ] || continue
    percent=${percent%%.*}
    if [ -t 2 ]; then
      printf '\r[fetch] %3d %%' "$percent" >&2
    elif [ $((percent / 25)) -gt "$shown" ]; then
      shown=$((percent / 25))
      say "$percent %"
    fi
  done
  [ ! -t 2 ] || printf '\r\033[K' >&2
}

# fetch ARGS…: runs apt-get, showing only its progress; shows its messages if it fails.
fetch() {
  local log=$downloads/log
  { apt apt-get -qq -y -o APT::Status-Fd=3 "$@" 3>&1 >"$log" 2>&1 || touch "$log.failed"; } | show_percent
  [ ! -e "$log.failed" ] || { cat "$log" >&2; rm "$log.failed"; die "apt-get $1 failed, see above"; }
}

# unpack TREE PACKAGE [MEMBER…]: unpacks a package file, or only these members of it, without documentation. The list
# TREE/packages contains the origin of each library and object file: path, package, version, architecture.
unpack() {
  local tree=$1 package=$2 origin
  shift 2
  mkdir -p "$tree"
  origin=$(dpkg-deb --show --showformat='${Package}\t${Version}\t${Architecture}' "$package")
  dpkg-deb --fsys-tarfile "$package" |
    tar --extract --verbose --directory "$tree" --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
      --exclude='./usr/share/info/*' --exclude='./usr/share/locale/*' "$@" |
    sed -n "s#^\\./\\(.*\\.[ao]\\)\$#\\1\t$origin#p" >>"$tree/packages"
}
