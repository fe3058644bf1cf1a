#!/usr/bin/env bash
# Cargo starts the compiler by this. Of AWS's SDK crates the compiler generates code only for what is used: their manifests ask for it
# (`[hints] mostly-unused = true`), but the stable Cargo does not pass it on yet. It halves their build in the development profile, and takes most of it
# away in the release profile (docs/development.md). A compiler that does not know the option compiles them as before.
case " $* " in
  *" --crate-name aws_sdk_"*)
    if RUSTC_BOOTSTRAP=1 "$@" -Zhint-mostly-unused=yes; then exit 0; fi ;;
esac
exec "$@"
