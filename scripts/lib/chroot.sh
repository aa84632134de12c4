# Sourced by scripts/fresh-machine and docker/check: a Debian of its own in a folder that goes away
# again. Mirrors, proxies and certificates are this machine's, so nothing about them stands here.
# shellcheck shell=bash

# in_own_namespaces INSIDE ARGUMENTS...: makes a temporary folder and calls this same script again as
# `SCRIPT --inside FOLDER ARGUMENTS...` where mounts and processes are its own. The kernel undoes both
# when that call ends, however it ends; only then is the folder removed, from outside, where no mount
# was ever visible through which a removal could reach this machine's own files.
in_own_namespaces() {
    [[ $(id -u) -eq 0 ]] || die "this takes root: it makes a chroot and mounts in it."
    local tool
    for tool in unshare mount chroot setpriv timeout; do
        command -v "$tool" >/dev/null || die "$tool is missing (Debian: util-linux, mount, coreutils)."
    done
    if ! command -v debootstrap >/dev/null; then
        command -v apt-get >/dev/null || die "debootstrap is missing, and there is no apt-get to install it with."
        say "Installing debootstrap"
        with_progress "apt-get update" apt-get -q update
        with_progress "apt-get install" env DEBIAN_FRONTEND=noninteractive \
            apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends debootstrap
    fi
    OWN_FOLDER=$(mktemp -d "${TMPDIR:-/tmp}/outbox-relay-chroot.XXXXXX")
    OWN_PROCESS=
    trap leave_namespaces EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    local status=0
    unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
        "$0" --inside "$OWN_FOLDER" "$@" &
    OWN_PROCESS=$!
    wait "$OWN_PROCESS" || status=$?
    return "$status"
}

# unshare ignores gentle signals; when it is killed, --kill-child ends everything inside with it.
leave_namespaces() {
    if [[ -n $OWN_PROCESS ]]; then
        kill -KILL "$OWN_PROCESS" 2>/dev/null || true
        wait "$OWN_PROCESS" 2>/dev/null || true
    fi
    local attempt
    for attempt in 1 2 3 4 5; do
        # The last of what was inside may take a moment to go.
        rm -rf --one-file-system -- "$OWN_FOLDER" 2>/dev/null && return
        sleep 1
    done
    say "warning: $OWN_FOLDER could not be removed after $attempt attempts; remove it by hand."
}

# Debian's own sources as apt itself reads them here, both file formats: URI, suite, component.
debian_sources() {
    local release=$1
    # shellcheck disable=SC2016 # apt fills these in, not the shell.
    apt-get indextargets --no-release-info --format '$(CREATED_BY) $(REPO_URI) $(RELEASE) $(COMPONENT)' 2>/dev/null |
        awk -v release="$release" '$1 == "Packages" && ($3 == release || index($3, release "-") == 1) &&
            !seen[$2, $3, $4]++ { print $2, $3, $4 }'
}

# bootstrap FOLDER RELEASE [PACKAGE,PACKAGE...]: a minimal Debian that can reach what this machine can.
bootstrap() {
    local root=$1 release=$2 include=${3:-} sources mirror proxy
    sources=$(debian_sources "$release")
    mirror=$(awk -v release="$release" '$2 == release && $3 == "main" { print $1; exit }' <<<"$sources")
    [[ -n $mirror ]] || die "this machine's apt has no source for Debian $release, so there is no mirror to take one from."
    proxy=$(apt-config dump --format '%f %v%n' | awk '$1 == "Acquire::http::Proxy" && $2 != "" { print $2; exit }')
    with_progress "debootstrap" env ${proxy:+"http_proxy=$proxy" "https_proxy=$proxy"} \
        debootstrap --variant=minbase ${include:+"--include=$include"} "$release" "$root" "$mirror"

    awk '{ print "deb", $1, $2, $3 }' <<<"$sources" >"$root/etc/apt/sources.list"
    {
        apt-config dump | grep -E '^Acquire::(https?::|ForceIPv|Retries|Check-Valid-Until|Check-Date)' | grep -v ' "";$' || true
        if [[ -e /etc/ssl/certs/ca-certificates.crt ]]; then
            cp /etc/ssl/certs/ca-certificates.crt "$root/etc/apt/host-certificates.crt"
            echo 'Acquire::https::CaInfo "/etc/apt/host-certificates.crt";'
        fi
        # As official images do: packages are not kept once they are unpacked.
        echo 'APT::Keep-Downloaded-Packages "false";'
    } >"$root/etc/apt/apt.conf.d/90host"
    # A container or chroot runs no services: whatever a package would start stays off.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true

    mount -t proc proc "$root/proc"
    mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
    mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$root/dev/pts"
}

# in_chroot FOLDER COMMAND...: with a clean environment.
in_chroot() {
    local root=$1
    shift
    chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}
